import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { Accounts } from "../accounts/accounts.ts";
import { connectAccount } from "../accounts/manage.ts";
import { keepMissingWebhooks } from "../accounts/webhook.ts";
import { createPayment } from "../orders.ts";
import { settle } from "../settle.ts";
import type { Till } from "../till.ts";
import { accountOf, backfill, backfillAll } from "./backfill.ts";

describe("looking after PayPal accounts", () => {
  let base: TestTill;
  let till: Till;
  let accounts: Accounts;
  beforeAll(async () => {
    base = await testTill();
    accounts = new Accounts(base.db, base.redis, {
      clusterSecret: "a secret of this spec's cluster",
      keys: localKeyRing(`one:${randomBytes(32).toString("base64")}`),
      configured: null,
      url: base.simulator.url,
    });
    till = { ...base, paypal: (tenantId, accountId) => accounts.paypal(tenantId, accountId) };
  });
  afterAll(async () => {
    accounts?.close();
    await base?.stop();
  });

  const connect = async (clientId: string = randomUUID()) => {
    const tenantId = randomUUID();
    const { id } = await connectAccount(till, accounts, tenantId, { environment: "sandbox", clientId, clientSecret: "s" });
    return { id, tenantId };
  };
  const query = async <T extends object>(text: string, values: unknown[] = []) =>
    (await base.database.admin.query<T & Record<string, unknown>>(text, values)).rows;
  const listedUntil = async (id: string) =>
    (await query<{ at: Date | null }>(`select listed_until as at from payment.paypal_accounts where id = $1`, [id]))[0]!.at;
  /** Accounts whose secret can't be opened. */
  const broken = (count: number, webhook: string | null) =>
    query(
      `insert into payment.paypal_accounts (id, tenant_id, environment, client_id, master_key_id, sealed_secret, webhook_id, created_at)
       select gen_random_uuid(), gen_random_uuid(), 'sandbox', 'gone', 'one', 'x', $2, now() - interval '1 day' from generate_series(1, $1::int)`,
      [count, webhook],
    );

  it("reads the list of one although all that are looked at first fail", async () => {
    const { id, tenantId } = await connect();
    await broken(30, "WEBHOOK");
    await query(`update payment.paypal_accounts set next_look_at = now() - interval '1 second' where id = $1`, [id]);
    const kept = () => query<{ tenant_id: string }>(`select tenant_id from payment.webhook_inbox where account_id = $1`, [id]);
    const { id: payment, paypalPaymentId } = await createPayment(
      till,
      { tenantId, subject: "user:spec", userId: null, permissions: [] },
      { amount: "5.00", currency: "EUR" },
    );
    base.simulator.approve(paypalPaymentId!);
    await settle(till, payment);
    for (let round = 0; round < 2; round++) await backfillAll(till, accounts, new AbortController().signal).catch(() => null);
    expect(await listedUntil(id)).not.toBeNull();
    expect(new Set((await kept()).map(({ tenant_id }) => tenant_id))).toEqual(new Set([tenantId]));
    // Until their next time they are left in peace, those that fail too.
    await expect(backfillAll(till, accounts, new AbortController().signal)).resolves.toBeUndefined();
  });

  it("says where it has ended when there is more in the list than it reads at once, and goes on from there", async () => {
    const { tenantId } = await connect();
    const from = new Date(Date.now() - 60_000);
    // Nine events, no more than three of them of the same moment.
    for (let i = 0; i < 3; i++) {
      const wish = { amount: "5.00", currency: "EUR" };
      const { id, paypalPaymentId } = await createPayment(till, { tenantId, subject: "user:spec", userId: null, permissions: [] }, wish);
      base.simulator.approve(paypalPaymentId!);
      await settle(till, id);
    }
    const account = await accountOf(till, tenantId, undefined);
    const to = new Date(Date.now() + 1_000);
    const first = await backfill(till, accounts, account, from, to, { size: 5, pages: 1 });
    expect(first).toMatchObject({ listed: 5, missed: 5, unread: expect.any(String) });
    let missed = first.missed;
    for (let end = first.unread; end !== null;) {
      const next = await backfill(till, accounts, account, from, new Date(end), { size: 5, pages: 1 });
      missed += next.missed;
      end = next.unread;
    }
    const all = await backfill(till, accounts, account, from, to);
    expect(all).toEqual({ listed: missed, missed: 0, unread: null });
    expect(missed).toBe(9);
  });

  it("has PayPal take a webhook again ever more seldom, and nobody waits for those that fail", async () => {
    const clientId = randomUUID();
    base.simulator.inject({ operation: "webhooks.create", kind: "refuse", status: 503, merchant: clientId, times: 2 });
    const { id } = await connect(clientId);
    await query(`update payment.paypal_accounts set created_at = now() - interval '2 days' where id = $1`, [id]);
    await broken(30, null);
    const webhook = async () =>
      (await query<{ id: string | null }>(`select webhook_id as id from payment.paypal_accounts where id = $1`, [id]))[0]!.id;
    const asked = base.simulator.calls("webhooks.create");
    for (let round = 0; round < 4; round++) await keepMissingWebhooks(till, accounts);
    expect(base.simulator.calls("webhooks.create")).toBe(asked + 1);
    expect(await webhook()).toBeNull();
    await query(`update payment.paypal_accounts set next_look_at = now() where id = $1`, [id]);
    await keepMissingWebhooks(till, accounts);
    expect(await webhook()).not.toBeNull();
  });
});
