import { createHash, randomUUID } from "node:crypto";

/** An object, or with `marker` the mark that stands for its deletion. */
export interface Stored {
  bytes: Buffer;
  etag: string;
  modified: Date;
  /** In versioned buckets. */
  versionId?: string;
  marker?: boolean;
  /** Archived ones can't be read. */
  storageClass?: string;
  /** Headers that are sent with it: x-amz-meta-…; x-amz-checksum-… where checksums are asked for. */
  headers?: Record<string, string>;
}

export interface BucketTraits {
  /** Keeps every version. */
  versioned?: boolean;
  /** May be read without a signature. */
  open?: boolean;
  /** Requests signed for another region are sent there. */
  region?: string;
  /** Answers only those who agree to pay. */
  requesterPays?: boolean;
}

export interface StoredBucket extends BucketTraits {
  /** Key → what is there now. */
  objects: Objects;
  /** Key → all versions, newest first; of versioned buckets. */
  versions: Map<string, Stored[]>;
}

/** An unfinished multipart upload. */
export interface StoredUpload {
  key: string;
  headers: Record<string, string>;
  parts: Map<number, Buffer>;
  begun: Date;
  /** When the last part was sent. */
  touched: Date;
  initiator: string;
}

/** Byte order, in which S3 lists. */
export const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Objects by key. Their order is kept from page to page: a bucket of the bench has 20,000. */
export class Objects extends Map<string, Stored> {
  private sorted: string[] | undefined;

  /** Keys from this one on. */
  *from(key: string): Generator<string> {
    this.sorted ??= [...this.keys()].sort(byBytes);
    let [low, high] = [0, this.sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (byBytes(this.sorted[middle]!, key) < 0) low = middle + 1;
      else high = middle;
    }
    yield* this.sorted.slice(low);
  }

  override set(key: string, stored: Stored): this {
    if (!this.has(key)) this.sorted = undefined;
    return super.set(key, stored);
  }

  override delete(key: string): boolean {
    this.sorted = undefined;
    return super.delete(key);
  }

  override clear(): void {
    this.sorted = undefined;
    super.clear();
  }
}

const md5 = (bytes: Buffer) => createHash("md5").update(bytes).digest();

export const etagOf = (bytes: Buffer): string => `"${md5(bytes).toString("hex")}"`;
export const etagOfParts = (parts: Buffer[]): string => `"${md5(Buffer.concat(parts.map(md5))).toString("hex")}-${parts.length}"`;

export function putObject(bucket: StoredBucket, key: string, bytes: Buffer, more: Partial<Stored> = {}): Stored {
  const stored: Stored = { bytes, etag: etagOf(bytes), modified: new Date(), ...more };
  if (bucket.versioned) {
    stored.versionId = randomUUID();
    bucket.versions.set(key, [stored, ...(bucket.versions.get(key) ?? [])]);
  }
  bucket.objects.set(key, stored);
  return stored;
}

export function deleteObject(bucket: StoredBucket, key: string, modified = new Date()): void {
  bucket.objects.delete(key);
  if (!bucket.versioned) return;
  const marker = { bytes: Buffer.alloc(0), etag: "", modified, versionId: randomUUID(), marker: true };
  bucket.versions.set(key, [marker, ...(bucket.versions.get(key) ?? [])]);
}

/** The version that is asked for; without an id the newest. */
export function findObject(bucket: StoredBucket, key: string, versionId: string | null): Stored | undefined {
  if (versionId === null) return bucket.objects.get(key);
  return bucket.versions.get(key)?.find((stored) => stored.versionId === versionId);
}
