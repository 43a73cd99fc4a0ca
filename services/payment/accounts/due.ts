import { platform } from "../../../config/permissions.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import { rows, type Database } from "../../../mixins/database.ts";

/** Accounts of one round. */
const atOnce = 20;

/** What is looked after by itself, SQL: which accounts, and how long until the next time, whether or not this one comes to anything. */
const looks = {
  /** PayPal's list of events. */
  list: { which: `webhook_id is not null and (sealed_secret is not null or id = '${platform}')`, wait: "interval '15 minutes'" },
  /** A webhook that PayPal did not take: as long again as the account has waited, so ever more seldom, but every six hours. */
  webhook: {
    which: "webhook_id is null and retired_at is null and sealed_secret is not null",
    wait: "least(greatest(now() - created_at, interval '1 minute'), interval '6 hours')",
  },
} as const;

/**
 * Takes the accounts that are to be looked after, those first that were waiting longest, and puts their next time on: other nodes take others, and
 * those that fail stand in nobody's way.
 */
export async function takeDue(db: Database, look: keyof typeof looks): Promise<PaypalAccountRow[]> {
  const { which, wait } = looks[look];
  return await db.system(async (em) => {
    const taken = await rows<{ id: string }>(
      em,
      `update payment.paypal_accounts set next_look_at = now() + ${wait}
       where id in (select id from payment.paypal_accounts where ${which} and (next_look_at is null or next_look_at <= now())
                    order by next_look_at nulls first limit ? for update skip locked)
       returning id`,
      [atOnce],
    );
    return await em.find(PaypalAccount, { id: { $in: taken.map(({ id }) => id) } });
  });
}
