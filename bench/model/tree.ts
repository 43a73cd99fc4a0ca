import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "./random.ts";

const names = ["a", "b", "report 1.csv", "photo.jpg", "ünïcode", "Case", "case", "100%", "data.txt", "x+y"];

/** Every file of a folder, links left out, in no order. Written without our own listing: what that forgets would be missed. */
export function filesIn(root: string, prefix = ""): string[] {
  return readdirSync(join(root, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = prefix ? `${prefix}/${entry.name}` : entry.name;
    return entry.isDirectory() ? filesIn(root, path) : entry.isFile() ? [path] : [];
  });
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Path → SHA-256 of everything that is there now. */
export const stateOf = (root: string): Map<string, string> =>
  new Map(filesIn(root).map((path) => [path, sha256(readFileSync(join(root, path)))]));

/** Makes one random change to a tree: the ones that people make, and the ones that tools miss. */
export function change(root: string, random: Random): string {
  const files = filesIn(root);
  const some = files.length ? random.pick(files) : undefined;
  const place = () =>
    join(root, ...Array.from({ length: random.below(4) }, () => random.pick(names)), `${random.pick(names)} ${random.below(60)}`);
  const content = () =>
    random.chance(0.5) ? random.bytes(random.below(40_000)) : Buffer.from(`line ${random.below(1000)},\n`.repeat(random.below(3000)));
  const put = (path: string, bytes: Buffer) => {
    clear(root, path);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  };
  if (!some || random.chance(0.3)) {
    const bytes = random.chance(0.02) ? random.bytes(9_000_000 + random.below(9_000_000)) : content();
    put(place(), bytes);
    return "new";
  }
  const path = join(root, some);
  const { mtime, atime, size } = statSync(path);
  switch (random.below(10)) {
    case 0:
      put(path, content());
      return "changed";
    case 1: {
      // The same size, and the old time put back.
      const bytes = readFileSync(path);
      if (bytes.length) bytes[random.below(bytes.length)]! ^= 1 + random.below(255);
      writeFileSync(path, bytes);
      utimesSync(path, atime, mtime);
      return "changed, time put back";
    }
    case 2: {
      // Replaced by a file of the same size that is older.
      const bytes = random.bytes(size);
      rmSync(path);
      writeFileSync(path, bytes);
      utimesSync(path, atime, new Date(mtime.getTime() - 3_600_000));
      return "replaced by an older one";
    }
    case 3:
      rmSync(path);
      return "deleted";
    case 4:
    case 5: {
      const to = place();
      clear(root, to);
      mkdirSync(dirname(to), { recursive: true });
      if (existsSync(path)) renameSync(path, to);
      return "renamed";
    }
    case 6: {
      const folder = dirname(some);
      if (folder === "." || !existsSync(join(root, folder))) return "nothing";
      const to = `${join(root, folder)} moved ${random.below(100)}`;
      if (!existsSync(to)) renameSync(join(root, folder), to);
      return "folder renamed";
    }
    case 7: {
      const to = place();
      clear(root, to);
      mkdirSync(dirname(to), { recursive: true });
      if (existsSync(path)) copyFileSync(path, to);
      return "copied";
    }
    case 8:
      utimesSync(path, atime, new Date());
      return "touched";
    default:
      if (random.chance(0.5)) truncateSync(path, random.below(size + 1));
      else {
        // A folder where a file was.
        rmSync(path);
        put(join(path, "inside"), content());
      }
      return "cut or made a folder";
  }
}

/** Makes room for a file: what stands in its way is removed. */
function clear(root: string, path: string): void {
  for (let above = dirname(path); above.length > root.length; above = dirname(above)) {
    if (existsSync(above) && !statSync(above).isDirectory()) rmSync(above);
  }
  if (existsSync(path) && statSync(path).isDirectory()) rmSync(path, { recursive: true });
}
