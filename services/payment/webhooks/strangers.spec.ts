import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { platform } from "../../../config/permissions.ts";
import { localKeyRing } from "../../../mixins/vault/kms/local.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { Accounts } from "../accounts/accounts.ts";
import { keepPlatformAccount } from "../accounts/platform.ts";
import { createPayment } from "../orders.ts";
import type { Till } from "../till.ts";
import { Questions } from "./askpaypal.ts";
import { Certificates, type FetchText } from "./certificates.ts";
import { Forgeries } from "./forgeries.ts";
import { receive, type Doorkeepers } from "./receive.ts";

describe("strangers who post to the platform's webhook", () => {
  let base: TestTill;
  let till: Till;
  let accounts: Accounts;
  beforeAll(async () => {
    base = await testTill();
    accounts = new Accounts(base.db, base.redis, {
      clusterSecret: "a secret of this spec's cluster",
      keys: localKeyRing(`one:${Buffer.alloc(32, 1).toString("base64")}`),
      configured: { clientId: "platform", clientSecret: "secret", environment: "sandbox" },
      url: base.simulator.url,
      options: { breaker: { volumeThreshold: 5 } },
    });
    till = { ...base, paypal: (tenantId, accountId) => accounts.paypal(tenantId, accountId) };
    await keepPlatformAccount(till, accounts, "8PT597110X687430LKGECATA");
  });
  afterAll(async () => {
    accounts?.close();
    await base?.stop();
  });

  let keepers: Doorkeepers;
  let certificate: FetchText;
  beforeEach(() => {
    // Its minute does not end in the middle of a story.
    const now = Date.now();
    const certificates = new Certificates(
      (url) => certificate(url),
      () => now,
    );
    keepers = { certificates, forgeries: new Forgeries(), questions: new Questions() };
  });
  const body = Buffer.from(
    JSON.stringify({ id: "WH-1", event_type: "A", create_time: new Date().toISOString(), resource_type: "capture", resource: {} }),
  );
  /** What becomes of a delivery that names a certificate of its own. */
  const post = () =>
    receive(till, accounts, keepers, {
      accountId: platform,
      body,
      headers: {
        "paypal-transmission-id": randomUUID(),
        "paypal-transmission-time": new Date().toISOString(),
        "paypal-transmission-sig": "AAAA",
        "paypal-cert-url": `${base.simulator.url}/v1/notifications/certs/CERT-${randomUUID()}`,
        "paypal-auth-algo": "SHA256withRSA",
      },
    }).then(
      () => "kept",
      ({ type }: { type: string }) => type,
    );
  const flood = async (count: number) => Promise.all(Array.from({ length: count }, post));
  const questions = () => base.simulator.calls("webhooks.verify");

  it("have nobody ask PayPal by naming certificates that do not exist", async () => {
    certificate = () => Promise.resolve(null);
    const before = questions();
    const answers = await flood(200);
    expect(answers.filter((type) => type === "PAYPAL_EVENT_FORGED").length).toBe(30);
    expect(answers.filter((type) => type === "PAYMENT_GATEWAY_THROTTLED").length).toBe(170);
    expect(questions()).toBe(before);
  });

  it("have PayPal asked ten times a minute at most while certificates can't be had, and stop no payment though PayPal fails", async () => {
    certificate = () => Promise.reject(new Error("no route"));
    base.simulator.inject({ operation: "webhooks.verify", kind: "refuse", status: 503, times: 1_000 });
    const before = questions();
    const answers = [];
    // Fewer at once than certificates are asked for within a minute.
    for (let round = 0; round < 5; round++) answers.push(...(await flood(6)));
    expect(new Set(answers)).toEqual(new Set(["PAYMENT_GATEWAY_UNAVAILABLE", "PAYMENT_GATEWAY_THROTTLED"]));
    expect(questions() - before).toBeGreaterThanOrEqual(5);
    expect(questions() - before).toBeLessThanOrEqual(10);
    const payer = { tenantId: randomUUID(), subject: "user:spec", userId: null, permissions: [] };
    expect(await createPayment(till, payer, { amount: "12.50", currency: "EUR" })).toMatchObject({ status: "pending" });
  });
});
