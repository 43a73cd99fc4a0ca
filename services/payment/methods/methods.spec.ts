import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Principal } from "../../../config/permissions.ts";
import { testTill, type TestTill } from "../../../test/till.ts";
import { createPayment, sweep } from "../orders.ts";
import { readPayment } from "../payments.ts";
import { settle } from "../settle.ts";
import { handlerOf } from "../webhooks/handlers.ts";
import { beginMethod, listMethods, readMethod, removeMethod, saveMethod, showMethod } from "./methods.ts";

const principal = (): Principal => ({ tenantId: randomUUID(), subject: "user:test", userId: randomUUID(), permissions: ["payment:write"] });
const urls = { returnUrl: "https://shop.example/saved", cancelUrl: "https://shop.example/not" };

describe("ways to pay", () => {
  let till: TestTill;
  beforeAll(async () => {
    till = await testTill();
  });
  afterAll(() => till?.stop());

  const wish = { amount: "12.50", currency: "EUR" };
  const saved = async (who = principal(), customer = "4711") => {
    const { id, setupId } = await beginMethod(till, who, { customer, ...urls });
    till.simulator.tell(`setup-tokens/${setupId}/approve`);
    return { who, id, method: await saveMethod(till, who, id) };
  };
  const eventsOf = async (id: string) =>
    (
      await till.database.admin.query<{ type: string }>("select type from payment.events where stream = $1 order by version", [
        `payment:${id}`,
      ])
    ).rows.map(({ type }) => type);

  it("are saved once the customer has agreed, as a reference and no more", async () => {
    const who = principal();
    const begun = await beginMethod(till, who, { customer: "4711", ...urls }, "key");
    expect(showMethod(begun)).toMatchObject({
      status: "pending",
      approvalUrl: expect.stringContaining(till.simulator.url) as unknown,
      label: null,
    });
    expect((await beginMethod(till, who, { customer: "4711", ...urls }, "key")).id).toBe(begun.id);
    await expect(saveMethod(till, who, begun.id)).rejects.toMatchObject({
      type: "PAYMENT_METHOD_REFUSED",
      data: { issue: "PAYER_ACTION_REQUIRED" },
    });
    till.simulator.tell(`setup-tokens/${begun.setupId}/approve`);
    const kept = await saveMethod(till, who, begun.id);
    expect(showMethod(kept)).toMatchObject({ status: "active", approvalUrl: null, label: "pa…@example.com" });
    expect((await saveMethod(till, who, begun.id)).vaultId).toBe(kept.vaultId);
    expect((await listMethods(till.db, who.tenantId, "4711")).map(({ id }) => id)).toEqual([begun.id]);
    expect(await listMethods(till.db, who.tenantId, "4712")).toEqual([]);
    expect(await listMethods(till.db, randomUUID(), "4711")).toEqual([]);
    await expect(readMethod(till.db, randomUUID(), begun.id)).rejects.toMatchObject({ type: "PAYMENT_METHOD_NOT_FOUND", code: 404 });
  });

  it("go on under the same request id when PayPal's answer was lost", async () => {
    const who = principal();
    till.simulator.inject({ operation: "setup-tokens.create", kind: "reset" });
    await expect(beginMethod(till, who, { customer: "1", ...urls }, "k")).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    const { id, setupId } = await beginMethod(till, who, { customer: "1", ...urls }, "k");
    till.simulator.tell(`setup-tokens/${setupId}/approve`);
    till.simulator.inject({ operation: "payment-tokens.create", kind: "reset" });
    await expect(saveMethod(till, who, id)).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_UNAVAILABLE" });
    expect(await saveMethod(till, who, id)).toMatchObject({ status: "active" });
  });

  it("are charged at once without the customer, and the money is taken once though the answer was lost", async () => {
    const { who, id: methodId } = await saved();
    const before = till.simulator.captures();
    const paid = await createPayment(till, who, { ...wish, method: "saved", methodId });
    expect(paid).toMatchObject({ status: "captured", method: "saved", methodId });
    expect(await eventsOf(paid.id)).toEqual(["payment.created", "payment.captured"]);
    till.simulator.inject({ operation: "orders.create", kind: "reset" });
    const lost = await createPayment(till, who, { ...wish, method: "saved", methodId });
    expect(lost).toMatchObject({ status: "created", failureType: "ORDER_UNCONFIRMED" });
    await till.database.admin.query("update payment.payments set next_check_at = now(), claimed_until = null where id = $1", [lost.id]);
    await sweep(till, 10);
    expect(await readPayment(till.db, who.tenantId, lost.id)).toMatchObject({ status: "captured" });
    expect(till.simulator.captures()).toBe(before + 2);
  });

  it("can have their money reserved first", async () => {
    const { who, id: methodId } = await saved();
    expect(await createPayment(till, who, { ...wish, intent: "authorize", method: "saved", methodId })).toMatchObject({
      status: "authorized",
    });
  });

  it("are not charged once they are removed, here or at PayPal, nor by another organisation, nor without being named", async () => {
    const { who, id: methodId } = await saved();
    const pay = (of: object, by = who) => createPayment(till, by, { ...wish, ...of });
    const problem = { type: "VALIDATION_FAILED", data: { faults: [{ pointer: "/methodId" }] } };
    await expect(pay({ method: "saved", methodId }, principal())).rejects.toMatchObject(problem);
    await expect(pay({ method: "saved" })).rejects.toMatchObject(problem);
    await expect(pay({ method: "card", methodId })).rejects.toMatchObject(problem);
    await expect(removeMethod(till, principal(), methodId)).rejects.toMatchObject({ type: "PAYMENT_METHOD_NOT_FOUND" });
    expect(await removeMethod(till, who, methodId)).toMatchObject({ status: "removed", vaultId: null });
    expect(await removeMethod(till, who, methodId)).toMatchObject({ status: "removed" });
    expect(till.simulator.calls("payment-tokens.delete")).toBe(1);
    await expect(pay({ method: "saved", methodId })).rejects.toMatchObject(problem);

    const other = await saved(who);
    const type = "VAULT.PAYMENT-TOKEN.DELETED";
    const event = { id: "WH-1", type, resourceType: "payment_token", resource: { id: other.method.vaultId }, createdAt: new Date() };
    expect(await handlerOf(type)!(till, { ...event, tenantId: randomUUID() })).toBe("ignored");
    expect(await handlerOf(type)!(till, { ...event, tenantId: who.tenantId })).toBe("done");
    await expect(pay({ method: "saved", methodId: other.id })).rejects.toMatchObject(problem);
  });

  /** What PayPal's fields do in the payer's browser: the card goes to PayPal, whose bank then asks. */
  const typedIn = async (result: string) => {
    const who = principal();
    const { id, paypalPaymentId, approvalUrl } = await createPayment(till, who, { ...wish, method: "card" });
    const { connection } = await till.paypal(who.tenantId);
    const card = { number: "4111111111111111", expiry: "2031-01", attributes: { verification: { method: "SCA_ALWAYS" } } };
    const line = {
      method: "POST",
      path: `/v2/checkout/orders/${paypalPaymentId}/confirm-payment-source`,
      requestId: randomUUID(),
    } as const;
    expect(await connection.send({ ...line, body: { payment_source: { card } } }, (body) => body)).toMatchObject({ outcome: "ok" });
    expect(await settle(till, id)).toMatchObject({ status: "pending" });
    expect((await readPayment(till.db, who.tenantId, id)).approvalUrl).not.toBe(approvalUrl);
    till.simulator.tell(`orders/${paypalPaymentId}/authenticate`, { result });
    return settle(till, id, { payerActed: true });
  };

  it("by card go on when its bank answers for the payer", async () => {
    expect(await typedIn("success")).toMatchObject({ status: "captured", method: "card", liabilityShift: "POSSIBLE" });
  });

  it("by card end when its bank does not recognise the payer, and wait for another try when it could not be asked; nothing is taken", async () => {
    const before = till.simulator.captures();
    expect(await typedIn("failure")).toMatchObject({ status: "failed", failureType: "CARD_NOT_AUTHENTICATED", liabilityShift: "NO" });
    expect(await typedIn("unavailable")).toMatchObject({
      status: "pending",
      failureType: "CARD_AUTHENTICATION_UNKNOWN",
      liabilityShift: "UNKNOWN",
    });
    expect(till.simulator.captures()).toBe(before);
  });
});
