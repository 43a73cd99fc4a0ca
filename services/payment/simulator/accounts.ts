import { isSupported } from "./amounts.ts";
import { accountId } from "./ids.ts";
import { unreadable } from "./replies.ts";

/** What a merchant's account is like. Set by `configure`. */
export interface AccountSettings {
  /** The currency that the account keeps; amounts in others are exchanged on arrival. Absent: every currency is kept as it is. */
  currency?: string;
  /** Rates instead of the simulator's own, by source currency, e.g. { EUR: "1.08" }: units of the account's currency for one. */
  rates?: Record<string, string>;
  /** Whether refunds give the proportional fee back (the fixed part never). PayPal keeps it, which is the default. */
  returnsFees?: boolean;
  /** Refuses every refund with REFUND_FAILED_INSUFFICIENT_FUNDS. */
  insolvent?: boolean;
  /** How long transactions stay out of the search, in milliseconds; three hours, as PayPal says, unless told otherwise. */
  searchLagMs?: number;
  /** How many transactions a search finds at most before it is refused with RESULTSET_TOO_LARGE; 10000 unless told otherwise. */
  searchLimit?: number;
}

export interface Account extends AccountSettings {
  /** PayPal's id of the merchant, derived from the client id. */
  payerId: string;
  email: string;
}

/** The merchants, by client id. */
export class Accounts {
  readonly #settings = new Map<string, AccountSettings>();

  /** @throws Refused naming what makes no sense */
  configure(clientId: string, settings: AccountSettings): void {
    for (const code of [settings.currency, ...Object.keys(settings.rates ?? {})])
      if (code !== undefined && !isSupported(code)) throw unreadable(`PayPal does not take ${code}`);
    for (const rate of Object.values(settings.rates ?? {}))
      if (!/^\d+(\.\d+)?$/.test(rate)) throw unreadable(`a rate is a decimal string such as "1.08"; ${JSON.stringify(rate)} came`);
    this.#settings.set(clientId, { ...this.#settings.get(clientId), ...settings });
  }

  of(clientId: string): Account {
    const payerId = accountId(clientId);
    return { ...this.#settings.get(clientId), payerId, email: `${payerId.toLowerCase()}@merchant.example` };
  }
}
