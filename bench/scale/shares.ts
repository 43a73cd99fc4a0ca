/** A tenant had one slot from one moment to another, milliseconds. */
export interface Turn {
  tenant: string;
  from: number;
  to: number;
}

/** The slots that tenants had in a window, as parts of what each would have had if all had had the same. */
export interface Shares {
  /** Of the tenant and the window where it is smallest. */
  least: number;
  most: number;
  windows: number;
}

/**
 * Looks at every window of a time, a second after another.
 * @param tenants those that had work all the time
 * @param windowMs how long a window is
 */
export function sharesIn(turns: readonly Turn[], tenants: readonly string[], from: number, to: number, windowMs: number): Shares {
  const shares: Shares = { least: Infinity, most: 0, windows: 0 };
  for (let start = from; start + windowMs <= to; start += 1_000) {
    const had = new Map(tenants.map((tenant) => [tenant, 0]));
    for (const turn of turns) {
      const ms = Math.min(turn.to, start + windowMs) - Math.max(turn.from, start);
      if (ms > 0 && had.has(turn.tenant)) had.set(turn.tenant, had.get(turn.tenant)! + ms);
    }
    const all = [...had.values()];
    const fair = all.reduce((sum, ms) => sum + ms, 0) / all.length;
    shares.least = Math.min(shares.least, ...all.map((ms) => ms / fair));
    shares.most = Math.max(shares.most, ...all.map((ms) => ms / fair));
    shares.windows++;
  }
  return shares;
}
