import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment } from "../orders.ts";
import { createRefund } from "../refunds/create.ts";
import { settle } from "../settle.ts";
import type { Simulator } from "../simulator/server.ts";
import type { Till } from "../till.ts";
import { Accounts } from "./accounts.ts";
import { connectAccount, disconnectAccount, listAccounts, readAccount, registerAgain, rotateSecret } from "./manage.ts";
import { rewrapAccounts } from "./secret.ts";

const masterKey = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
const [oldKey, newKey] = [masterKey("old"), masterKey("new")];
const wish = { amount: "12.50", currency: "EUR" };

describe("an organisation's own PayPal account", () => {
  let base: TestTill;
  let simulator: Simulator;
  const nodes: Accounts[] = [];
  /** A node of the cluster. */
  function node(masterKeys = oldKey, breaker = {}, most?: number): { accounts: Accounts; till: Till } {
    const accounts = new Accounts(
      base.db,
      base.redis,
      {
        clusterSecret: "a secret of this spec's cluster",
        keys: localKeyRing(masterKeys),
        configured: { clientId: "platform", clientSecret: "secret", environment: "sandbox" },
        url: simulator.url,
        options: { timeoutMs: 1_000, breaker },
      },
      most,
    );
    nodes.push(accounts);
    return { accounts, till: { ...base, paypal: (tenantId, accountId) => accounts.paypal(tenantId, accountId) } };
  }
  beforeAll(async () => {
    base = await testTill();
    ({ simulator } = base);
  });
  afterAll(() => base?.stop());
  afterEach(() => {
    for (const accounts of nodes.splice(0)) accounts.close();
  });

  const credentials = (clientId: string = randomUUID(), clientSecret = "s3cret") => ({
    environment: "sandbox" as const,
    clientId,
    clientSecret,
  });
  const payer = (tenantId: string) => ({ tenantId, subject: "user:test", userId: null, permissions: [] });
  /** A payment that its payer has approved. */
  const approved = async (till: Till, tenantId: string) => {
    const payment = await createPayment(till, payer(tenantId), wish);
    simulator.approve(payment.paypalPaymentId!);
    return payment;
  };
  const problem = (work: Promise<unknown>) =>
    work.then(
      () => null,
      ({ type, data }: { type: string; data: unknown }) => ({ type, data }),
    );

  it("takes its new payments, while others pay into the platform's", async () => {
    const { till, accounts } = node();
    const [acme, other] = [randomUUID(), randomUUID()];
    const connected = await connectAccount(till, accounts, acme, credentials());
    expect(connected).toMatchObject({ status: "active", fault: null, webhook: { id: expect.any(String) } });
    const [ours, theirs] = [await approved(till, acme), await approved(till, other)];
    expect([ours.accountId, theirs.accountId]).toEqual([connected.id, null]);
    expect((await settle(till, ours.id)).status).toBe("captured");
    expect((await settle(till, theirs.id)).status).toBe("captured");
    expect(await listAccounts(till, other)).toEqual([]);
    for (const work of [
      () => readAccount(till, other, connected.id),
      () => rotateSecret(till, accounts, other, connected.id, "x"),
      () => registerAgain(till, accounts, other, connected.id),
      () => disconnectAccount(till, accounts, other, connected.id, true),
      () => accounts.paypal(other, connected.id),
    ])
      expect(await problem(work())).toMatchObject({ type: "PAYPAL_ACCOUNT_NOT_FOUND" });
  });

  it("has its secret sealed, bound to it, and shown to nobody", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const connected = await connectAccount(till, accounts, tenantId, credentials(undefined, "very-secret-indeed"));
    const { rows } = await base.database.admin.query<{ row: string }>(
      `select to_json(a)::text as row from payment.paypal_accounts a where id = $1`,
      [connected.id],
    );
    const hex = Buffer.from("very-secret-indeed").toString("hex");
    for (const text of [rows[0]!.row, JSON.stringify(connected), JSON.stringify(await listAccounts(till, tenantId))]) {
      expect(text).not.toContain("very-secret-indeed");
      expect(text).not.toContain(hex);
    }
  });

  it("is connected only when PayPal takes its credentials, and not at all when PayPal can't be asked", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    simulator.inject({ operation: "token", kind: "refuse", status: 401 });
    expect(await problem(connectAccount(till, accounts, tenantId, credentials()))).toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/clientSecret" }] },
    });
    simulator.inject({ operation: "token", kind: "refuse", status: 503 });
    expect(await problem(connectAccount(till, accounts, tenantId, credentials()))).toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    const live = { ...credentials(), environment: "production" as const };
    expect(await problem(connectAccount(till, accounts, tenantId, live))).toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/environment" }] },
    });
    expect(await listAccounts(till, tenantId)).toEqual([]);
  });

  it("is connected though PayPal did not take the webhook: the fault is said, and another try mends it", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const own = credentials();
    simulator.inject({ operation: "webhooks.create", kind: "refuse", status: 503, merchant: own.clientId });
    const connected = await connectAccount(till, accounts, tenantId, own);
    expect(connected).toMatchObject({ status: "active", webhook: { id: null }, fault: expect.stringMatching(/did not take the webhook/) });
    // The answer to this one is lost, and the webhook is there all the same.
    simulator.inject({ operation: "webhooks.create", kind: "fail", merchant: own.clientId });
    const again = await registerAgain(till, accounts, tenantId, connected.id);
    expect(again).toMatchObject({ fault: null, webhook: { id: expect.any(String) } });
    expect((await registerAgain(till, accounts, tenantId, connected.id)).webhook).toEqual(again.webhook);
  });

  it("goes on with its own payments after another one took its place", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const first = await connectAccount(till, accounts, tenantId, credentials());
    const before = await approved(till, tenantId);
    const second = await connectAccount(till, accounts, tenantId, credentials());
    const after = await approved(till, tenantId);
    expect([before.accountId, after.accountId]).toEqual([first.id, second.id]);
    // The simulator shows nobody another account's orders.
    expect((await settle(till, before.id)).status).toBe("captured");
    expect((await settle(till, after.id)).status).toBe("captured");
    expect((await listAccounts(till, tenantId)).map(({ status }) => status)).toEqual(["active", "retired"]);
  });

  it("is one, however many are connected at once", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    await Promise.all(Array.from({ length: 5 }, () => connectAccount(till, accounts, tenantId, credentials())));
    const found = await listAccounts(till, tenantId);
    expect(found.filter(({ status }) => status === "active").length).toBe(1);
    expect(found.length).toBe(5);
  });

  it("is not disconnected while payments are under way unless forced; connected again, they go on", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const own = credentials();
    const { id } = await connectAccount(till, accounts, tenantId, own);
    const payment = await approved(till, tenantId);
    expect(await problem(disconnectAccount(till, accounts, tenantId, id, false))).toMatchObject({ type: "CONFLICT", data: { count: 1 } });
    expect(await disconnectAccount(till, accounts, tenantId, id, true)).toMatchObject({ status: "disconnected", webhook: { id: null } });
    expect(await problem(settle(till, payment.id))).toMatchObject({ type: "PAYMENT_GATEWAY_DENIED" });
    expect(await problem(rotateSecret(till, accounts, tenantId, id, "x"))).toMatchObject({ type: "CONFLICT" });
    // What is new goes to the platform's meanwhile.
    expect((await createPayment(till, payer(tenantId), wish)).accountId).toBeNull();
    await connectAccount(till, accounts, tenantId, own);
    expect((await settle(till, payment.id)).status).toBe("captured");
  });

  it.each([
    [
      "a refund whose answer was lost",
      `update payment.refunds set status = 'requested', paypal_id = null, next_check_at = null where payment_id = $1`,
    ],
    ["an e-check on its way back", `update payment.refunds set status = 'pending', next_check_at = null where payment_id = $1`],
    ["a capture that PayPal keeps back", `update payment.captures set status = 'pending', next_check_at = null where payment_id = $1`],
    [
      "money that is reserved",
      `insert into payment.authorizations (tenant_id, payment_id, paypal_id, amount_minor, currency, status, paypal_status, authorized_at, honored_until, expires_at)
       select tenant_id, id, id::text, 1250, 'EUR', 'created', 'CREATED', now(), now(), now() from payment.payments where id = $1`,
    ],
    [
      "an open dispute",
      `insert into payment.disputes (tenant_id, account_id, paypal_id, payment_id, capture_id, reason, paypal_status, stage, channel, amount_minor, currency, opened_at, changed_at)
       select tenant_id, account_id, id::text, id, capture_id, 'OTHER', 'OPEN', 'CHARGEBACK', 'INTERNAL', 1250, 'EUR', now(), now() from payment.payments where id = $1`,
    ],
  ])("is not disconnected while there is %s", async (_what, change) => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const { id } = await connectAccount(till, accounts, tenantId, credentials());
    const payment = await settle(till, (await approved(till, tenantId)).id);
    await createRefund(till, payer(tenantId), { id: payment.id, amount: "1.00" });
    // Nobody else's account stands in the way.
    const other = randomUUID();
    const theirs = await connectAccount(till, accounts, other, credentials());
    await base.database.admin.query(change, [payment.id]);
    expect(await problem(disconnectAccount(till, accounts, tenantId, id, false))).toMatchObject({ type: "CONFLICT", data: { count: 1 } });
    expect(await disconnectAccount(till, accounts, other, theirs.id, false)).toMatchObject({ status: "disconnected" });
  });

  it("is disconnected once all is settled", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const { id } = await connectAccount(till, accounts, tenantId, credentials());
    const payment = await settle(till, (await approved(till, tenantId)).id);
    await createRefund(till, payer(tenantId), { id: payment.id, amount: "1.00" });
    expect(await disconnectAccount(till, accounts, tenantId, id, false)).toMatchObject({ status: "disconnected" });
  });

  it("is reached by one connection however many ask first, and by it still after others took its place among those kept", async () => {
    const { till, accounts } = node(oldKey, {}, 2);
    const tenantId = randomUUID();
    const { id } = await connectAccount(till, accounts, tenantId, credentials());
    await rotateSecret(till, accounts, tenantId, id, "another");
    const reached = await Promise.all(Array.from({ length: 5 }, () => till.paypal(tenantId, id)));
    expect(new Set(reached).size).toBe(1);
    for (let i = 0; i < 3; i++) {
      const other = randomUUID();
      await connectAccount(till, accounts, other, credentials());
      await till.paypal(other);
    }
    expect(await till.paypal(tenantId, id)).not.toBe(reached[0]);
    const line = { method: "GET", path: "/v1/notifications/webhooks?anchor_type=APPLICATION" } as const;
    expect(await reached[0]!.connection.send(line, () => true)).toMatchObject({ outcome: "ok" });
  });

  it("takes a new secret, which every node works with", async () => {
    const [one, two] = [node(), node()];
    const tenantId = randomUUID();
    const own = credentials();
    const { id } = await connectAccount(one.till, one.accounts, tenantId, own);
    const before = await two.till.paypal(tenantId);
    simulator.inject({ operation: "token", kind: "refuse", status: 401 });
    expect(await problem(rotateSecret(one.till, one.accounts, tenantId, id, "wrong"))).toMatchObject({ type: "VALIDATION_FAILED" });
    await rotateSecret(one.till, one.accounts, tenantId, id, "another");
    for (const limit = Date.now() + 20_000; (await two.till.paypal(tenantId)) === before;) {
      if (Date.now() > limit) throw new Error("The other node still works with the old secret.");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect((await approved(two.till, tenantId)).accountId).toBe(id);
  });

  it("comes under a new master key without being asked for again", async () => {
    const { till, accounts } = node();
    const tenantId = randomUUID();
    const { id } = await connectAccount(till, accounts, tenantId, credentials());
    const { rewrapped, failed } = await rewrapAccounts(base.db, localKeyRing(`${newKey},${oldKey}`));
    expect({ failed, some: rewrapped > 0 }).toEqual({ failed: [], some: true });
    expect((await approved(node(newKey).till, tenantId)).accountId).toBe(id);
    await rewrapAccounts(base.db, localKeyRing(`${oldKey},${newKey}`));
  });

  it("that hangs or is throttled slows nobody else's payments", async () => {
    const { till, accounts } = node(oldKey, { volumeThreshold: 5 });
    const [noisy, calm] = [randomUUID(), randomUUID()];
    const own = credentials();
    await connectAccount(till, accounts, noisy, own);
    await connectAccount(till, accounts, calm, credentials());
    simulator.inject({ operation: "orders.create", kind: "hang", merchant: own.clientId, times: 1_000 });
    const stuck = Array.from({ length: 20 }, () => createPayment(till, payer(noisy), wish));
    const payments = await Promise.all(Array.from({ length: 5 }, () => approved(till, calm)));
    // None of the other's has had an answer by the time these are paid, and none will.
    const settled = await Promise.all(payments.map(({ id }) => settle(till, id)));
    expect(settled.map(({ status }) => status)).toEqual(Array(5).fill("captured"));
    expect((await Promise.all(stuck)).map(({ status }) => status)).toEqual(Array(20).fill("created"));
    const asked = simulator.calls("orders.create");
    // The other's breaker has opened, nobody else's has.
    expect(await createPayment(till, payer(noisy), wish)).toMatchObject({ status: "created" });
    expect(simulator.calls("orders.create")).toBe(asked);
    expect((await settle(till, (await approved(till, calm)).id)).status).toBe("captured");
    expect((await settle(till, (await approved(till, randomUUID())).id)).status).toBe("captured");
  });
});
