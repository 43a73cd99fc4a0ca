import { recordAct } from "../../../mixins/act.ts";
import type { Database } from "../../../mixins/database.ts";

const everyMs = 60_000;

/**
 * Takes down for the audit log that somebody passes for PayPal: the first time at once, then once a minute with how often. Whoever knows
 * an account's address can try as often as he likes, and each try would be a row.
 */
export class Forgeries {
  readonly #seen = new Map<string, { until: number; unrecorded: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async note(db: Database, tenantId: string, accountId: string, reason: string): Promise<void> {
    const now = this.#now();
    const seen = this.#seen.get(accountId) ?? { until: 0, unrecorded: 0 };
    this.#seen.set(accountId, seen);
    seen.unrecorded++;
    if (now < seen.until) return;
    const refused = seen.unrecorded;
    seen.until = now + everyMs;
    seen.unrecorded = 0;
    await db.tenant(tenantId, (em) =>
      recordAct(em, "payment", {
        tenantId,
        action: "paypal.event.forged",
        object: `paypal-account:${accountId}`,
        outcome: "refused",
        code: "PAYPAL_EVENT_FORGED",
        details: { reason, refused },
      }),
    );
  }
}
