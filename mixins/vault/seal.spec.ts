import { createSecretKey, randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { openRange, sealedRange, type PackLayout } from "./open.ts";
import { Sealer, sealedSize, TAG, HEADER } from "./seal.ts";

const CHUNK = 64;
const key = createSecretKey(randomBytes(32));

function sealed(plain: Buffer, pieces: number[] = [plain.length], packId: string = randomUUID()): { pack: PackLayout; object: Buffer } {
  const sealer = new Sealer(key, { packId, chunkSize: CHUNK });
  const out: Buffer[] = [];
  let at = 0;
  for (const size of [...pieces, plain.length]) {
    out.push(...sealer.update(plain.subarray(at, at + size)));
    at = Math.min(plain.length, at + size);
  }
  out.push(...sealer.final());
  const object = Buffer.concat(out);
  expect([sealer.plainSize, sealer.sealedSize]).toEqual([plain.length, object.length]);
  return { pack: { packId, chunkSize: CHUNK, plainSize: plain.length }, object };
}

/** Reads a range as a store would serve it, in pieces of any size. */
async function read(pack: PackLayout, object: Buffer, offset = 0, length = pack.plainSize, piece = 1000): Promise<Buffer> {
  const { start, end } = sealedRange(pack, offset, length);
  const bytes = object.subarray(start, end);
  const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, i) => bytes.subarray(i * piece, (i + 1) * piece));
  const parts: Buffer[] = [];
  for await (const part of openRange(pack, key, offset, length, served(pieces))) parts.push(part);
  return Buffer.concat(parts);
}
// eslint-disable-next-line @typescript-eslint/require-await -- stands for a stream
async function* served(pieces: Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}

describe("A sealed pack", () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5])("of %i bytes opens to what was sealed", async (size) => {
    const plain = randomBytes(size);
    const { pack, object } = sealed(plain);
    expect(object).toHaveLength(sealedSize(size, CHUNK));
    expect((await read(pack, object)).equals(plain)).toBe(true);
  });

  it("gives any range, however it was written and is served", async () => {
    const property = fc.asyncProperty(
      fc.uint8Array({ maxLength: 6 * CHUNK }),
      fc.array(fc.nat(2 * CHUNK), { maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      fc.integer({ min: 1, max: 3 * CHUNK }),
      async (bytes, pieces, from, count, piece) => {
        const plain = Buffer.from(bytes);
        const { pack, object } = sealed(plain, pieces);
        const offset = from % (plain.length + 1);
        const length = count % (plain.length - offset + 1);
        const range = await read(pack, object, offset, length, piece);
        expect(range.equals(plain.subarray(offset, offset + length))).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  const refused = (reading: Promise<Buffer>) => expect(reading).rejects.toMatchObject({ type: "VAULT_DAMAGED", retryable: false });
  const sealedChunk = CHUNK + TAG;

  it("is refused wherever a bit is flipped", async () => {
    const { pack, object } = sealed(randomBytes(2 * CHUNK + 9));
    for (let at = 0; at < object.length; at++) {
      const damaged = Buffer.from(object);
      damaged[at]! ^= 1 << (at % 8);
      await refused(read(pack, damaged));
    }
  });

  it("is refused when truncated, also at a chunk's end and when the catalogue is wrong about its size", async () => {
    const plain = randomBytes(3 * CHUNK);
    const { pack, object } = sealed(plain);
    for (const length of [0, HEADER, HEADER + sealedChunk, object.length - sealedChunk, object.length - 1]) {
      await refused(read(pack, object.subarray(0, length)));
    }
    await refused(read({ ...pack, plainSize: 2 * CHUNK }, object));
    await refused(read({ ...pack, plainSize: 4 * CHUNK }, Buffer.concat([object, object.subarray(-sealedChunk)])));
  });

  it("is refused when chunks are reordered, repeated or taken from another pack under the same key", async () => {
    const { pack, object } = sealed(randomBytes(4 * CHUNK));
    const other = sealed(randomBytes(4 * CHUNK)).object;
    const chunk = (of: Buffer, i: number) => of.subarray(HEADER + i * sealedChunk, HEADER + (i + 1) * sealedChunk);
    const head = object.subarray(0, HEADER);
    const build = (...chunks: Buffer[]) => Buffer.concat([head, ...chunks]);
    const [a, b, c, d] = [0, 1, 2, 3].map((i) => chunk(object, i)) as [Buffer, Buffer, Buffer, Buffer];
    await refused(read(pack, build(b, a, c, d)));
    await refused(read(pack, build(a, a, c, d)));
    await refused(read(pack, build(a, b, d, c)));
    await refused(read(pack, build(a, chunk(other, 1), c, d)));
    await refused(read(pack, other));
    expect(await read(pack, build(a, b, c, d))).toHaveLength(4 * CHUNK);
  });

  it("yields the sound chunks before a damaged one and nothing of it", async () => {
    const plain = randomBytes(3 * CHUNK);
    const { pack, object } = sealed(plain);
    object[HEADER + 2 * sealedChunk + 3]! ^= 1;
    const got: Buffer[] = [];
    const reading = async () => {
      for await (const part of openRange(pack, key, 0, plain.length, served([object]))) got.push(part);
    };
    await expect(reading()).rejects.toMatchObject({ type: "VAULT_DAMAGED" });
    expect(Buffer.concat(got).equals(plain.subarray(0, 2 * CHUNK))).toBe(true);
  });

  it("refuses a range beyond its end", () => {
    const pack = { packId: randomUUID(), chunkSize: CHUNK, plainSize: 100 };
    expect(() => sealedRange(pack, 90, 11)).toThrow(expect.objectContaining({ type: "VAULT_DAMAGED" }));
  });
});
