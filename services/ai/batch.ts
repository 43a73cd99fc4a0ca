import type { Binary } from "../../config/action.ts";
import { errors, failureType, isRetryable } from "../../config/errors.ts";
import { openSmallByAny, openTenantKey, sealSmall } from "../../mixins/vault/keys.ts";
import type { Ticket, Vault, WrappedTenantKey } from "../../mixins/vault/ticket.ts";
import { failedAnalysis, type Analysis } from "./analyse.ts";
import { readContent } from "./contents.ts";
import type { AnalysisThreads } from "./threads.ts";

/** An asset as the sync service hands it out, with what is needed to read its current content. */
export interface AssetTicket {
  assetId: string;
  name: string;
  size: number;
  /** Hexadecimal. */
  contentId: string;
  ticket: Ticket;
}

export interface SealedThumbnail {
  width: number;
  height: number;
  sealed: Buffer;
}

/** A content's new analysis; its thumbnail is sealed, so that no picture stands in the clear in the database. */
export interface Finding {
  contentId: string;
  assetId: string;
  analysis: Omit<Analysis, "thumbnail">;
  thumbnail: SealedThumbnail | null;
}

export interface BatchTools {
  vault: Vault;
  threads: AnalysisThreads;
  signal: AbortSignal;
}

/** What a thumbnail is sealed for: one moved to another content's row does not open. */
export const thumbnailPurpose = (contentId: string) => `thumbnail ${contentId}`;

/**
 * Analyses each distinct content once, except those already known to this version of the analyser.
 * Content that can't be read for good gives a failed finding; what a later try may read throws and is retried as a batch.
 * @param known content ids, hexadecimal
 */
export async function analyseBatch(assets: readonly AssetTicket[], known: ReadonlySet<string>, tools: BatchTools): Promise<Finding[]> {
  const distinct = new Map<string, AssetTicket>();
  for (const asset of assets) if (!known.has(asset.contentId) && !distinct.has(asset.contentId)) distinct.set(asset.contentId, asset);
  const queue = [...distinct.values()].values();
  const findings: Finding[] = [];
  // One content more than there are threads is read ahead, so that no thread waits for the vault and memory stays bounded.
  const lane = async () => {
    for (const asset of queue) {
      tools.signal.throwIfAborted();
      findings.push(await find(asset, tools));
    }
  };
  await Promise.all(Array.from({ length: tools.threads.size + 1 }, lane));
  return findings;
}

async function find({ assetId, name, size, contentId, ticket }: AssetTicket, { vault, threads }: BatchTools): Promise<Finding> {
  const began = performance.now();
  let bytes: Uint8Array;
  try {
    bytes = await readContent(ticket, vault);
  } catch (error) {
    if (isRetryable(error) || failureType(error) === "INTERNAL_ERROR") throw error;
    const analysis = failedAnalysis(`The content can't be read from the vault: ${failureType(error)}.`, performance.now() - began);
    return { contentId, assetId, analysis, thumbnail: null };
  }
  const { thumbnail, ...analysis } = await threads.analyse({ bytes, name, size });
  if (!thumbnail) return { contentId, assetId, analysis, thumbnail: null };
  const [current] = ticket.keys;
  const keys = await openTenantKey(vault.keys, ticket.tenantId, recordOf(current!));
  const sealed = sealSmall(keys, thumbnailPurpose(contentId), thumbnail.bytes);
  return { contentId, assetId, analysis, thumbnail: { width: thumbnail.width, height: thumbnail.height, sealed } };
}

/** @throws ASSET_NOT_FOUND when the asset is gone by now, VAULT_KEY_UNUSABLE */
export async function openThumbnail(
  thumbnail: { contentId: string; sealed: Buffer },
  asset: AssetTicket | undefined,
  vault: Vault,
): Promise<Binary> {
  if (!asset) throw errors.assetNotFound("There is no such asset.");
  const { ticket } = asset;
  const keys = await Promise.all(ticket.keys.map((key) => openTenantKey(vault.keys, ticket.tenantId, recordOf(key))));
  const { bytes } = openSmallByAny(keys, thumbnailPurpose(thumbnail.contentId), thumbnail.sealed);
  return { mediaType: "image/webp", base64: bytes.toString("base64"), etag: `"${thumbnail.contentId.slice(0, 32)}"` };
}

const recordOf = ({ keyId, masterKeyId, wrapped }: WrappedTenantKey) => ({ keyId, masterKeyId, wrapped: Buffer.from(wrapped, "base64") });
