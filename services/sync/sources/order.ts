/**
 * Orders paths by their UTF-8 bytes, as PostgreSQL's collate "C" and S3 listings do. JavaScript compares UTF-16 units, which differs
 * for one pair of ranges: a surrogate (U+10000 and up, four bytes of UTF-8) is a smaller unit than U+E000–U+FFFF (three bytes).
 */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return lift(x) - lift(y);
  }
  return a.length - b.length;
}

/** Moves surrogates above all other units. Two surrogates compare as their code points do: both paths agree up to here. */
const lift = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);
