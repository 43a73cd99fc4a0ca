import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** DejaVu Sans: free to embed, and knows Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian letters. PDF's own fonts know not even ż. */
const require = createRequire(import.meta.url);
const load = (file: string) => readFile(require.resolve(`dejavu-fonts-ttf/ttf/${file}`));

let loaded: Promise<{ regular: Buffer; bold: Buffer }> | undefined;

/** Read once. What they have no letter for is shown as an empty box. */
export function fonts(): Promise<{ regular: Buffer; bold: Buffer }> {
  loaded ??= Promise.all([load("DejaVuSans.ttf"), load("DejaVuSans-Bold.ttf")]).then(([regular, bold]) => ({ regular, bold }));
  return loaded;
}
