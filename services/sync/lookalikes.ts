/** Paths that are kept to find others that look like them, and bytes of them. */
const WATCHED = 100_000;
const BYTES = 16 * 2 ** 20;
const REPORTED = 100;

const fold = (path: string) => path.normalize("NFC").toLowerCase();
/** Only plain small letters and signs: what nearly all paths are made of, and the same when folded. */
const isPlain = (path: string) => !/[^\x20-\x40\x5b-\x7e]/.test(path);

/**
 * Finds paths that differ only in case or Unicode form. Of such a group the ones that are not in folded form come first in byte order
 * (capitals before small letters, a letter with a combining mark before the composed one), so only those have to be remembered.
 * @param found gets the groups
 * @returns to be told each path, in byte order
 */
export function findLookalikes(found: string[][]): (path: string) => void {
  const groups = new Map<number, string[]>();
  let kept: Kept | undefined;
  return (path) => {
    const folded = isPlain(path) ? path : fold(path);
    if (!kept && folded === path) return;
    kept ??= new Kept();
    const hash = hashOf(folded);
    const like = kept.find(folded, hash);
    if (like === undefined) {
      if (folded !== path) kept.add(path, hash);
      return;
    }
    const group = groups.get(like);
    if (group) group.push(copyOf(path));
    else if (found.length < REPORTED) {
      const pair = [kept.at(like), copyOf(path)];
      groups.set(like, pair);
      found.push(pair);
    }
  };
}

/** A path is a piece of its page, which it would keep alive. */
const copyOf = (path: string) => Buffer.from(path).toString();

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** A power of two, well above the number of paths. */
const SLOTS = 2 ** 18;

/** Paths by the hash of their folded form. As objects of a map they would be 20 MB of a heap that is marked again and again. */
class Kept {
  private count = 0;
  /** 1 + number of a path; open addressing. */
  private readonly slots = new Int32Array(SLOTS);
  private readonly hashes = new Int32Array(WATCHED);
  /** Where each begins. */
  private readonly places = new Uint32Array(WATCHED + 1);
  private bytes = Buffer.alloc(2 ** 16);

  at(i: number): string {
    return this.bytes.toString("utf8", this.places[i], this.places[i + 1]);
  }

  /** The number of the path that folds to this. */
  find(folded: string, hash: number): number | undefined {
    for (let slot = hash & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      const i = this.slots[slot]! - 1;
      if (i < 0) return undefined;
      if (this.hashes[i] === hash && fold(this.at(i)) === folded) return i;
    }
  }

  /** Unless there are too many. */
  add(path: string, hash: number): void {
    const at = this.places[this.count]!;
    const end = at + Buffer.byteLength(path);
    if (this.count === WATCHED || end > BYTES) return;
    if (end > this.bytes.length) {
      const more = Buffer.alloc(Math.min(BYTES, Math.max(end, 2 * this.bytes.length)));
      this.bytes.copy(more);
      this.bytes = more;
    }
    this.bytes.write(path, at);
    this.hashes[this.count] = hash;
    this.places[++this.count] = end;
    let slot = hash & (SLOTS - 1);
    while (this.slots[slot]) slot = (slot + 1) & (SLOTS - 1);
    this.slots[slot] = this.count;
  }
}
