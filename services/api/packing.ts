import { finished } from "node:stream/promises";
import type { Readable } from "node:stream";

export interface ArchiveEntry {
  /** As `archiveName` gives it. */
  name: string;
  /** Bytes. */
  size: number;
  modifiedAt: Date;
  content: Readable;
}
/** Packs entries one after the other, as fast as the archive is read. What a content throws is thrown. */
export type Packer = (entries: AsyncIterable<ArchiveEntry>) => AsyncGenerator<Buffer>;

/** Not compressed: most of what fills archives is already. Its list of contents comes last, so some 500 bytes per entry are kept until then. */
export async function* packZip(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Buffer> {
  const { ZipFile } = await import("yazl");
  const zip = new ZipFile();
  const out = zip.outputStream as Readable;
  zip.on("error", (error: Error) => out.destroy(error));
  yield* fed(out, entries, {
    async add({ name, size, modifiedAt, content }) {
      zip.addReadStream(content, name, { size, mtime: modifiedAt, compress: false, mode: 0o100644 });
      await finished(content);
    },
    end: () => zip.end(),
  });
}

/** POSIX tar; names that its old headers can't hold are written as PAX does. */
export async function* packTar(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Buffer> {
  const { pack } = await import("tar-stream");
  const tar = pack();
  yield* fed(tar, entries, {
    add: ({ name, size, modifiedAt, content }) =>
      new Promise((resolve, reject) => {
        const sink = tar.entry({ name, size, mtime: modifiedAt, mode: 0o644 }, (error) => (error ? reject(error) : resolve()));
        sink.on("error", reject);
        content.once("error", (error) => sink.destroy(error));
        content.pipe(sink);
      }),
    end: () => tar.finalize(),
  });
}

/** Reads `out` while it is filled. A failure on either side ends the other, and the reading of the content under way. */
async function* fed(
  out: Readable,
  entries: AsyncIterable<ArchiveEntry>,
  { add, end }: { add: (entry: ArchiveEntry) => Promise<void>; end: () => void },
): AsyncGenerator<Buffer> {
  let current: Readable | undefined;
  out.once("close", () => current?.destroy());
  // Whoever reads is told; there need not be anybody any more.
  out.on("error", () => {});
  const fill = async () => {
    for await (const entry of entries) {
      current = entry.content;
      if (out.destroyed) return;
      await add(entry);
    }
    end();
  };
  const filling = fill().catch((error: Error) => void out.destroy(error));
  try {
    yield* out as AsyncIterable<Buffer>;
  } finally {
    out.destroy();
    await filling;
  }
}

/** Joins the many small pieces of an archive of small files: each would be a frame of its own on the wire. */
export async function* inBlocks(pieces: AsyncIterable<Buffer>, size = 64 * 1024): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    parts.push(piece);
    length += piece.length;
    if (length < size) continue;
    yield parts.length === 1 ? piece : Buffer.concat(parts, length);
    parts = [];
    length = 0;
  }
  if (length) yield Buffer.concat(parts, length);
}

/**
 * A path as an archive may hold it: what would lead an unpacking program elsewhere, or is no plain name to it, is written as %XX.
 * @param name of the asset, for a source that is a single file and has no path
 */
export const archiveName = (path: string, name: string): string =>
  (path || name)
    .replaceAll("\\", "%5C")
    .replace(/^\/+|\/+$|(?<=\/)\/+/g, (slashes) => "%2F".repeat(slashes.length))
    .replace(/(?<=^|\/)\.{1,2}(?=\/|$)/g, (dots) => "%2E".repeat(dots.length))
    .replace(/^([a-zA-Z]):/, "$1%3A");

/** The last second that both formats can tell. */
const latest = (2 ** 31 - 1) * 1000;

/** The nearest time that archives can hold; 1970 when none is known. */
export const archiveTime = (modifiedAt: string | null): Date =>
  new Date(Math.min(latest, Math.max(0, modifiedAt === null ? 0 : Date.parse(modifiedAt))));
