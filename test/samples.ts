import { readFile } from "node:fs/promises";

/** Bytes of a file under samples/, alone in their buffer. */
export const sample = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(new URL(`../samples/${path}`, import.meta.url)));
