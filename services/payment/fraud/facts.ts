import type { Currency } from "../money.ts";

/** What attempts are counted by: the payer's address, network and card, and who asked for the payment. */
export const dimensions = ["email", "ip", "card", "user"] as const;
export type Dimension = (typeof dimensions)[number];

/** Minutes over which attempts are counted. A fixed choice, so that what was counted once answers every rule that is thought of later. */
export const windows = [5, 15, 60, 360, 1_440, 10_080] as const;
export type Window = (typeof windows)[number];

/** What entries of a block or allow list name. */
export const listedKinds = ["email", "domain", "ip", "country", "card", "user"] as const;
export type ListedKind = (typeof listedKinds)[number];

/** Attempts within a window, this one included, and what they come to in this one's currency: minor units, more than any amount may have. */
export interface Counted {
  count: number;
  sumMinor: string;
}

/**
 * What rules look at. It is kept with every assessment, so nothing in it tells who the payer is: of addresses it has the mail domain and
 * counts alone.
 */
export interface Facts {
  /** ISO 8601. */
  at: string;
  /** Decimal string in the currency's own precision. */
  amount: string;
  currency: Currency;
  payer: {
    /** Of the e-mail address; lower case. */
    domain: string | null;
    /** ISO 3166-1 alpha-2: of the billing address, and of the network that the payer came from. */
    country: string | null;
    ipCountry: string | null;
    /** Which of the others were told. */
    told: Dimension[];
    /** Whether none of the organisation's paid payments has this e-mail address; null where none was told. */
    isNew: boolean | null;
  };
  items: { lines: number; quantity: number } | null;
  velocity: Partial<Record<Dimension, Partial<Record<Window, Counted>>>>;
  /** Who counted: Redis, or PostgreSQL while Redis was away. */
  counters: "redis" | "postgres";
  /** What of this payment stands on the organisation's lists. */
  listed: { block: ListedKind[]; allow: ListedKind[] };
}
