const day = 86_400_000;

/** When something is looked at that nobody finishes: whoever began it has died, or its answer was lost. */
export const firstLookMs = 15_000;

/** How long to wait after a number of looks: ever longer, at most half an hour unless told otherwise. */
export const waitMs = (checks: number, atMost = day / 48) => Math.min(firstLookMs * 2 ** checks, atMost);

/** What the sweepers look at again and again. */
export interface Watched {
  nextCheckAt?: Date | null;
  checks: number;
  givenUpAt?: Date | null;
}

/** How often, and for how long, PayPal is asked about something that is not known yet, in milliseconds. */
export interface Patience {
  atMost: number;
  total: number;
}

/** An answer that was lost: found soon, or not at all. */
export const lost: Patience = { atMost: day / 48, total: 3 * day };
/** What PayPal or a bank is still thinking about: an e-check takes a week, a review may take three. */
export const thinking: Patience = { atMost: day / 4, total: 45 * day };

/**
 * Sets the next look: first after a quarter of a minute, then ever less often. When the time is over it is given up: the operators' list has
 * it then, and nobody looks at it unasked.
 */
export function lookAgain(of: Watched, since: Date, { atMost, total }: Patience): void {
  of.checks++;
  const isOver = Date.now() - since.getTime() > total;
  of.givenUpAt = isOver ? new Date() : null;
  of.nextCheckAt = isOver ? null : new Date(Date.now() + waitMs(of.checks - 1, atMost));
}
