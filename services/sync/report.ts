import type { PulledItem } from "./pull.ts";

/**
 * What became of an item of a batch, one letter each in `batches.outcomes`:
 * s stored, d stored already under another name (deduplicated), m moved, t touched (another time alone), r returned, u unchanged, f failed;
 * of restores also k: what was there was kept, b: written beside it.
 */
export const outcomeNames = {
  s: "stored",
  d: "deduplicated",
  m: "moved",
  t: "touched",
  r: "returned",
  u: "unchanged",
  f: "failed",
  k: "kept",
  b: "beside",
} as const;
export type OutcomeLetter = keyof typeof outcomeNames;

/** The letters of a batch's items, in their order, and how many count as what. Moves are counted where they are carried out. */
export function outcomes(
  planned: { path: string }[],
  items: PulledItem[],
  moved: ReadonlySet<string>,
  changes: ReadonlyMap<string, { change: string }>,
): { text: string; stored: number; deduplicated: number; unchanged: number } {
  const pulled = new Map(items.map((item) => [item.path, item]));
  const letter = ({ path }: { path: string }): OutcomeLetter => {
    const item = pulled.get(path);
    if (!item) return "f";
    if (moved.has(path)) return "m";
    const change = changes.get(path)?.change;
    if (change === "stored") return item.deduplicated ? "d" : "s";
    return change === "returned" ? "r" : change === "touched" ? "t" : "u";
  };
  const letters = planned.map(letter);
  const count = (...wanted: OutcomeLetter[]) => letters.filter((one) => wanted.includes(one)).length;
  return { text: letters.join(""), stored: count("s"), deduplicated: count("d"), unchanged: count("t", "r", "u") };
}
