import type { StoreOptions } from "../../mixins/vault/store.ts";
import type { TenantKeys } from "../../mixins/vault/keys.ts";
import type { FetchItem } from "./plan.ts";
import type { SourceSpec } from "./sources/source.ts";

/** Which of these content ids (hex) the tenant's catalogue has already. */
export type KnownContent = (contentIds: string[]) => Promise<ReadonlySet<string>>;

export interface PullRequest {
  source: SourceSpec;
  /** The tenant's working keys (openTenantKey). */
  keys: TenantKeys;
  store: StoreOptions;
  items: FetchItem[];
}

/** One sealed object, as the catalogue keeps it. */
export interface PackRecord {
  id: string;
  storageKey: string;
  chunkSize: number;
  /** Bytes before sealing. */
  plainSize: number;
  /** Bytes in storage. */
  sealedSize: number;
  tenantKeyId: string;
  wrappedDataKey: Buffer;
}

export interface PulledItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  /** Of the moment the file was opened: what the catalogue compares next time. */
  fingerprint: string;
  contentId: Buffer;
  /** SHA-256, masked (unmaskChecksum). */
  checksum: Buffer;
  /** Place in the pack, plaintext bytes; null when `deduplicated` (the bytes lie where their content id says). */
  offset: number | null;
  deduplicated: boolean;
}

export interface PullFailure {
  path: string;
  type: string;
  message: string;
  retryable: boolean;
  attempts: number;
}

export interface PullResult {
  /** Absent when there was nothing new. */
  pack?: PackRecord;
  items: PulledItem[];
  failures: PullFailure[];
}
