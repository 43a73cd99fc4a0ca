import { createHash } from "node:crypto";
import Type, { type Static } from "typebox";
import type { ServiceBroker } from "moleculer";
import type { strict } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { encode } from "../../mixins/vault/encoding.ts";
import { contentId, maskChecksum, openTenantKey, type TenantKeys } from "../../mixins/vault/keys.ts";
import { startPack, type PackRecord } from "../../mixins/vault/pack.ts";
import { LARGE_CHUNK } from "../../mixins/vault/seal.ts";
import type { Store } from "../../mixins/vault/store.ts";
import { sendJson, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { beginUpload, recordUpload } from "./peers.ts";

export const uploadParams = {
  path: Type.String({ minLength: 1, maxLength: 2000, description: "Where it is to stand in the catalogue, e.g. invoices/2026/17.pdf." }),
  modifiedAt: Type.Optional(Type.String({ format: "date-time", description: "When it was last changed; now when left out." })),
  sha256: Type.Optional(
    Type.String({ pattern: "^[0-9a-fA-F]{64}$", description: "Of the content, hexadecimal: what arrives is compared with it." }),
  ),
  analyse: Type.Optional(Type.Boolean({ description: "Whether the AI service looks at it; true when left out." })),
};

/** Bytes that are sealed and stored at a time. */
const partSize = 8 * 1024 * 1024;

/** A stored part of the content, as the catalogue is told of it over the broker: bytes are base64. */
export interface UploadedPart extends Omit<PackRecord, "wrappedDataKey"> {
  wrappedDataKey: string;
  size: number;
  stored: number;
  encoding: 0 | 1;
}

/**
 * Takes one file into the vault. Its bytes are sealed here, part by part, and go straight to storage; the catalogue learns of them once all of
 * them are there. A client that leaves, or a node that dies half-way, leaves objects that garbage collection removes.
 * @throws VALIDATION_FAILED, CONTENT_MISMATCH, VAULT_…
 */
export async function upload(
  { vault }: Gateway,
  broker: ServiceBroker,
  req: EdgeRequest,
  res: EdgeResponse,
  wish: Static<ReturnType<typeof strict<typeof uploadParams>>>,
): Promise<void> {
  const { tenantId } = req.principal!;
  const { key } = await beginUpload(broker, req.claim!, wish.path);
  const { keyId, masterKeyId } = key;
  const sealedIdentity = key.sealedIdentity === null ? null : Buffer.from(key.sealedIdentity, "base64");
  const keys = await openTenantKey(vault!.keys, tenantId, {
    keyId,
    masterKeyId,
    wrapped: Buffer.from(key.wrapped, "base64"),
    sealedIdentity,
  });
  const sha256 = createHash("sha256");
  const parts: UploadedPart[] = [];
  let size = 0;
  try {
    for await (const bytes of inParts(req)) {
      sha256.update(bytes);
      size += bytes.length;
      parts.push(await storePart(vault!.store, keys, wish.path, bytes));
    }
    const announced = req.headers["content-length"];
    if (announced !== undefined && Number(announced) !== size)
      throw errors.contentMismatch(`The body ended after ${size} bytes; ${announced} were announced.`);
    const digest = sha256.digest();
    if (wish.sha256 && wish.sha256.toLowerCase() !== digest.toString("hex"))
      throw errors.contentMismatch(`The content's SHA-256 is ${digest.toString("hex")}; ${wish.sha256.toLowerCase()} was announced.`);
    const id = contentId(keys, digest);
    const asset = await recordUpload(broker, req.claim!, {
      path: wish.path,
      size,
      modifiedAt: wish.modifiedAt ?? new Date().toISOString(),
      analyse: wish.analyse ?? true,
      contentId: id,
      checksum: maskChecksum(keys, id, digest),
      parts,
    });
    sendJson(res, 201, { data: asset });
  } catch (error) {
    // Nobody knows of them yet.
    await Promise.allSettled(parts.map(({ storageKey }) => vault!.store.remove(storageKey)));
    throw error;
  }
}

async function storePart(store: Store, keys: TenantKeys, path: string, bytes: Buffer): Promise<UploadedPart> {
  const { encoding, stored } = encode(bytes, path);
  const pack = await startPack(store, keys, LARGE_CHUNK);
  try {
    await pack.add(stored);
    const { wrappedDataKey, ...record } = await pack.commit();
    return { ...record, wrappedDataKey: wrappedDataKey.toString("base64"), size: bytes.length, stored: stored.length, encoding };
  } catch (error) {
    await pack.abort();
    throw error;
  }
}

/** The body in pieces of the size of a part; one empty piece when there is none. */
async function* inParts(req: EdgeRequest): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  let any = false;
  // Leaving the loop must not destroy the request: the answer goes out on the same connection.
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    let rest = chunk;
    while (size + rest.length >= partSize) {
      parts.push(rest.subarray(0, partSize - size));
      rest = rest.subarray(partSize - size);
      yield Buffer.concat(parts, partSize);
      any = true;
      parts = [];
      size = 0;
    }
    if (rest.length) parts.push(rest);
    size += rest.length;
  }
  if (!req.complete) throw errors.malformed("The body broke off.");
  if (size || !any) yield Buffer.concat(parts, size);
}
