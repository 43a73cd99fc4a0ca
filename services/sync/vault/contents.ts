import type { Encoding } from "../../../mixins/vault/encoding.ts";

/** A pack as the catalogue knows it; plain data that crosses threads. */
export interface PackPlace {
  id: string;
  chunkSize: number;
  plainSize: number;
  sealedSize: number;
  tenantKeyId: string;
  wrappedDataKey: Uint8Array;
}

/** A stretch of a pack, in plaintext coordinates, and what it has to be. */
export interface BlobPlace {
  /** Hexadecimal. */
  contentId: string;
  part: number;
  /** Whether the content has other parts: then its id says nothing about this one alone. */
  several: boolean;
  position: number;
  /** Bytes in the pack. */
  stored: number;
  encoding: Encoding;
  /** Bytes of the content. */
  size: number;
}

/** A pack with those of its blobs that something refers to. */
export interface PackContents extends PackPlace {
  blobs: BlobPlace[];
}

/**
 * missing: storage has no such object; truncated: it ends too early; altered: it is not what was written; key: nothing opens it; content: what
 * was sealed is not what the catalogue says.
 */
export type DamageKind = "missing" | "truncated" | "altered" | "key" | "content";

export interface Damage {
  kind: DamageKind;
  message: string;
}

/** Damage as a pack's row keeps it. */
export const damageText = ({ kind, message }: Damage): string => `${kind}: ${message}`;

/** Of what `damageText` made. */
export function damageOf(text: string): Damage {
  const end = text.indexOf(": ");
  return { kind: text.slice(0, end) as DamageKind, message: text.slice(end + 2) };
}

/** A blob that can't be had from its pack. */
export interface LostBlob {
  contentId: string;
  part: number;
}

/** What reading a pack has shown. */
export interface PackVerdict {
  packId: string;
  /** Bytes read from storage. */
  read: number;
  damage: Damage | null;
  lost: LostBlob[];
}

/** Error type under which damage of a kind is reported. */
export const damageTypes = {
  missing: "VAULT_OBJECT_MISSING",
  truncated: "VAULT_DAMAGED",
  altered: "VAULT_DAMAGED",
  key: "VAULT_KEY_UNUSABLE",
  content: "VAULT_DAMAGED",
} as const satisfies Record<DamageKind, string>;
