import { errors, messageOf } from "../../config/errors.ts";
import type { EdgeRequest } from "./exchange.ts";

/** Bytes of a body. Below the 1 MiB of a NATS message, so that it fits together with the claim. */
export const bodyLimit = 1_000_000;

/**
 * Reads a JSON object; no body is an empty one. Called after the caller has been recognised, so a stranger's body is never parsed.
 * @throws REQUEST_MALFORMED, BODY_TOO_LARGE, MEDIA_TYPE_UNSUPPORTED, VALIDATION_FAILED (JSON, but no object)
 */
export async function readBody(req: EdgeRequest): Promise<Record<string, unknown>> {
  if (Number(req.headers["content-length"] ?? 0) > bodyLimit) throw tooLarge(bodyLimit);
  const bytes = await collectBody(req);
  if (!bytes.length) return {};
  checkType(req.headers["content-type"], req.headers["content-encoding"]);
  const value = parse(bytes);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw errors.invalid([{ pointer: "", detail: "must be an object" }]);
  }
  return value as Record<string, unknown>;
}

/** A client has so long for a JSON body, milliseconds. */
const patience = 60_000;

/** Reads a body whole. @throws BODY_TOO_LARGE */
export async function collectBody(req: EdgeRequest, limit = bodyLimit): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  const late = setTimeout(() => req.destroy(), patience);
  try {
    return await read();
  } finally {
    clearTimeout(late);
  }

  async function read(): Promise<Buffer> {
    // Leaving the loop must not destroy the request: the answer goes out on the same connection.
    for await (const part of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > limit) throw tooLarge(limit);
      parts.push(part);
    }
    return Buffer.concat(parts, size);
  }
}

const tooLarge = (limit: number) => errors.bodyTooLarge(`The body may have ${limit} bytes; more were sent.`, { limit });

function checkType(type = "", encoding = "identity"): void {
  const [name = "", ...parameters] = type
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const charset =
    parameters
      .find((part) => part.startsWith("charset="))
      ?.slice(8)
      .replaceAll('"', "") ?? "utf-8";
  if (!/^application\/([\w.-]+\+)?json$/.test(name) || charset !== "utf-8") {
    throw errors.mediaType(`The body must be application/json in UTF-8; it came as ${type || "no stated type"}.`);
  }
  if (encoding !== "identity") throw errors.mediaType(`The body must not be compressed; it came as ${encoding}.`);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw errors.malformed(`The body is not JSON: ${messageOf(error)}.`, undefined, error);
  }
}
