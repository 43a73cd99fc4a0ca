/** Numbers that are the same for the same seed (mulberry32), so that a run that failed can be repeated. */
export interface Random {
  /** 0 ≤ n < below. */
  below(below: number): number;
  chance(probability: number): boolean;
  pick<T>(of: readonly T[]): T;
  bytes(size: number): Buffer;
}

export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  return {
    below: (below) => next() % below,
    chance: (probability) => next() / 2 ** 32 < probability,
    pick: (of) => of[next() % of.length]!,
    bytes(size) {
      const bytes = Buffer.allocUnsafe(size + 4);
      for (let i = 0; i < size; i += 4) bytes.writeUInt32LE(next(), i);
      return bytes.subarray(0, size);
    },
  };
}
