import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** Checksums of a whole object as S3 stores them, base64. Those of an object's parts end in their number and can't be compared. */
export interface Checksums {
  ChecksumSHA256?: string;
  ChecksumCRC32?: string;
}

export interface Sums {
  update(bytes: Uint8Array): void;
  /** Says what does not agree, after all bytes. */
  wrong(): string | undefined;
}

const ofWhole = (sum: string | undefined, bytes: number) =>
  sum !== undefined && Buffer.from(sum, "base64").length === bytes && !sum.includes("-");

/** What the bytes of an object have to add up to; undefined when the server gave nothing to compare. */
export function expectedSums({ ChecksumSHA256, ChecksumCRC32 }: Checksums): Sums | undefined {
  if (ofWhole(ChecksumSHA256, 32)) {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      wrong: () => differs("SHA-256", ChecksumSHA256!, hash.digest("base64")),
    };
  }
  if (ofWhole(ChecksumCRC32, 4)) {
    let sum = 0;
    return {
      update: (bytes) => void (sum = crc32(bytes, sum)),
      wrong() {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(sum);
        return differs("CRC-32", ChecksumCRC32!, bytes.toString("base64"));
      },
    };
  }
  return undefined;
}

const differs = (name: string, expected: string, came: string): string | undefined =>
  expected === came ? undefined : `its ${name} is ${expected} in the bucket and ${came} here`;
