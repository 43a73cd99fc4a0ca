import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { Accounts } from "../accounts/accounts.ts";
import { connectAccount } from "../accounts/manage.ts";
import { signatureHeaders } from "../simulator/signature.ts";
import { Questions } from "./askpaypal.ts";
import { Certificates, fetchCertificate } from "./certificates.ts";
import { Forgeries } from "./forgeries.ts";
import { receive } from "./receive.ts";
import { webhookActor } from "./work.ts";

const away = () => Promise.reject(new Error("no route"));

describe("a delivery of PayPal's", () => {
  let till: TestTill;
  let accounts: Accounts;
  let account: { id: string; webhookId: string };
  const tenantId = randomUUID();
  beforeAll(async () => {
    till = await testTill();
    accounts = new Accounts(till.db, till.redis, {
      clusterSecret: "a secret of this spec's cluster",
      keys: localKeyRing(`key:${randomBytes(32).toString("base64")}`),
      configured: null,
      url: till.simulator.url,
    });
    const credentials = { environment: "sandbox" as const, clientId: "receiving", clientSecret: "s" };
    const { id, webhook } = await connectAccount(till, accounts, tenantId, credentials);
    account = { id, webhookId: webhook.id! };
  });
  afterAll(async () => {
    accounts?.close();
    await till?.stop();
  });

  /** Spaces, the order of members and an empty object: all that is lost when JSON is read and written again. */
  const event = (id: string) =>
    `{ "resource":{ "b":1, "a":{}, "amount" : "1.00" },\n "event_type":"CUSTOMER.SOMETHING.NEW","id":"${id}","create_time":"${new Date().toISOString()}" , "resource_type":"thing" }`;
  const deliver = (body: string, fetchText: typeof fetchCertificate, sent = body) => {
    const told = { transmissionId: randomUUID(), time: new Date().toISOString(), webhookId: account.webhookId, body };
    return receive(
      till,
      accounts,
      { certificates: new Certificates(fetchText), forgeries: new Forgeries(), questions: new Questions() },
      { accountId: account.id, headers: signatureHeaders(told, till.simulator.url), body: Buffer.from(sent) },
    );
  };
  const kept = async (id: string) => {
    const text = `select proved_by, tenant_id, body from payment.webhook_inbox where event_id = $1`;
    return (await till.database.admin.query<{ proved_by: string; tenant_id: string; body: Buffer }>(text, [id])).rows;
  };

  it("is proved by its signature, and kept byte for byte", async () => {
    expect(await deliver(event("WH-1"), fetchCertificate)).toBe(true);
    expect(await deliver(event("WH-1"), fetchCertificate)).toBe(false);
    const [row, ...more] = await kept("WH-1");
    expect(more).toEqual([]);
    expect(row).toMatchObject({ proved_by: "signature", tenant_id: tenantId });
    expect(row!.body.toString()).toMatch(/^\{ "resource":\{ "b":1, "a":\{\}/);
    expect(till.simulator.calls("webhooks.verify")).toBe(0);
  });

  it("is proved by PayPal's own word when the certificate can't be had, asked byte for byte", async () => {
    expect(await deliver(event("WH-2"), away)).toBe(true);
    expect(await kept("WH-2")).toMatchObject([{ proved_by: "paypal" }]);
  });

  it("is refused when PayPal says that it did not send it, and not taken when PayPal can't be asked either", async () => {
    await expect(deliver(event("WH-3"), away, event("WH-3").replace("1.00", "9.00"))).rejects.toMatchObject({
      type: "PAYPAL_EVENT_FORGED",
    });
    till.simulator.inject({ operation: "webhooks.verify", kind: "refuse", status: 503 });
    await expect(deliver(event("WH-3"), away)).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE", retryable: true, code: 503 });
    expect(await kept("WH-3")).toEqual([]);
    // PayPal delivers it again.
    expect(await deliver(event("WH-3"), fetchCertificate)).toBe(true);
  });

  it("is kept with the letter that has it dealt with, or not at all", async () => {
    const letters = `select count(*)::int as count from payment.actor_messages m join payment.webhook_inbox w on m.body ->> 'id' = w.id::text where w.event_id = 'WH-1'`;
    expect((await till.database.admin.query<{ count: number }>(letters)).rows).toEqual([{ count: 1 }]);
  });
});

describe("what waits to be dealt with", () => {
  it("is taken in turns: an organisation whose events are slow never has all of the slots", async () => {
    const till = await testTill();
    try {
      const [noisy, calm] = [randomUUID(), randomUUID()];
      const actor = (tenantId: string, key: string, busy: boolean) =>
        till.database.admin.query(
          `insert into payment.actors (key, tenant_id, kind, pending, epoch, owner, lease_until) values ($1, $2, 'webhook', 1, 1, $3, $4)`,
          [key, tenantId, busy ? "a node" : null, busy ? new Date(Date.now() + 600_000) : null],
        );
      const choose = () => till.db.system((em) => webhookActor(till, () => undefined).queue!.choose(em));
      for (let i = 0; i < 3; i++) await actor(noisy, `busy-${i}`, true);
      for (let i = 0; i < 20; i++) await actor(noisy, `noisy-${i}`, false);
      await actor(calm, "calm", false);
      expect((await choose()).length).toBe(8);
      await actor(noisy, "busy-3", true);
      expect(await choose()).toEqual(["calm"]);
    } finally {
      await till.stop();
    }
  });
});
