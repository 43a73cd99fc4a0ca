/** Hands out bytes of memory, first come, first served. */
export interface Room {
  /** Resolves when so many are free; give them back by what it resolves to. */
  take(bytes: number): Promise<() => void>;
}

export function roomOf(bytes: number): Room {
  let free = bytes;
  const waiting: { bytes: number; enter: () => void }[] = [];
  const next = () => {
    while (waiting.length && waiting[0]!.bytes <= free) {
      free -= waiting[0]!.bytes;
      waiting.shift()!.enter();
    }
  };
  return {
    async take(wanted) {
      const share = Math.min(wanted, bytes);
      await new Promise<void>((enter) => {
        waiting.push({ bytes: share, enter });
        next();
      });
      return () => {
        free += share;
        next();
      };
    },
  };
}
