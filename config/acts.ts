/** What the audit log is told. */

/** What was done, as a past-tense fact: "apikey.created". */
export type ActName = `${string}.${string}`;

/** allowed: it was done; refused: it was not to be (4xx); failed: it could not be (5xx), or is half done. */
export const actOutcomes = ["allowed", "refused", "failed"] as const;
export type ActOutcome = (typeof actOutcomes)[number];

/** A security-relevant act as it is recorded. No secrets, no whole params; all but the last two members stand in the chain for ever. */
export interface Act {
  id: string;
  /** ISO 8601. */
  at: string;
  tenantId: string;
  /** A principal's subject; null for who could not be recognised. */
  actor: string | null;
  /** The person behind it, if there is one. */
  userId: string | null;
  action: string;
  /** What it was done to, e.g. "apikey:<uuid>". */
  object: string | null;
  outcome: ActOutcome;
  /** The failure's type. */
  code: string | null;
  /** The broker action in which it was done; null for work that nobody called for. */
  call: string | null;
  requestId: string | null;
  /** The node from which the call came. */
  node: string | null;
  details: ActDetails | null;
  address: string | null;
  userAgent: string | null;
}

/** A few facts more: ids, counts, names of permissions. */
export type ActDetails = Record<string, string | number | boolean | null | string[]>;
