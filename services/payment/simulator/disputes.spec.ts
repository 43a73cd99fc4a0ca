import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { issueOf, openListener, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const day = 86_400_000;

interface Dispute {
  dispute_id: string;
  status: string;
  dispute_state: string;
  dispute_outcome?: { outcome_code: string; amount_refunded?: { value: string } };
  money_movements?: { reason: string; amount: { value: string } }[];
  seller_response_due_date?: string;
  disputed_transactions: { seller_transaction_id: string }[];
}

describe("disputes at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let listener: Awaited<ReturnType<typeof openListener>>;
  beforeAll(async () => {
    [simulator, listener] = [await startPayPalSimulator(), await openListener()];
    shop = openShop(simulator);
    const event_types = ["CREATED", "UPDATED", "RESOLVED"].map((what) => ({ name: `CUSTOMER.DISPUTE.${what}` }));
    await shop.ask("POST /v1/notifications/webhooks", { url: listener.url, event_types });
  });
  afterAll(async () => {
    await simulator.close();
    await listener.close();
  });
  const path = "/v1/customer/disputes";
  const open = (captureId: string, of: object = {}) => (simulator.tell(`captures/${captureId}/dispute`, of) as Dispute).dispute_id;
  const get = async (id: string) => (await shop.ask<Dispute>(`GET ${path}/${id}`)).body;
  const act = async (id: string, action: string, body: object) => {
    const answer = await shop.ask(`POST ${path}/${id}/${action}`, body);
    return answer.status === 200 ? "" : answer.body.details[0]!.issue;
  };
  const status = async (captureId: string) => (await shop.payments.getCapturedPayment({ captureId })).result.status;
  const refund = (captureId: string, value?: string) =>
    issueOf(shop.payments.refundCapturedPayment({ captureId, ...(value && { body: { amount: { currencyCode: "EUR", value } } }) }));
  const evidence = { evidences: [{ evidence_type: "PROOF_OF_FULFILLMENT", notes: "Delivered." }] };

  it("show their capture as partly refunded while open, and let nobody refund a part of it", async () => {
    const captureId = await shop.captured("10.00");
    const id = open(captureId, { reason: "UNAUTHORISED" });
    expect(await get(id)).toMatchObject({
      ...{ status: "WAITING_FOR_SELLER_RESPONSE", dispute_state: "REQUIRED_ACTION", dispute_amount: { value: "10.00" } },
      disputed_transactions: [{ seller_transaction_id: captureId }],
      seller_response_due_date: expect.any(String) as unknown,
    });
    expect(await status(captureId)).toBe("PARTIALLY_REFUNDED");
    expect(await refund(captureId, "1.00")).toBe("TRANSACTION_DISPUTED");
    expect(await refund(captureId)).toBe("");
    expect(await get(id)).toMatchObject({ status: "RESOLVED", dispute_outcome: { outcome_code: "RESOLVED_BUYER_FAVOUR" } });
    expect(await status(captureId)).toBe("REFUNDED");
  });

  it("are reviewed once evidence is given, and leave a seller who wins everything", async () => {
    const captureId = await shop.captured("10.00");
    const id = open(captureId);
    expect(await act(id, "provide-evidence", {})).toBe("MISSING_REQUIRED_PARAMETER");
    expect(await act(id, "provide-evidence", evidence)).toBe("");
    expect((await get(id)).status).toBe("UNDER_REVIEW");
    expect(await act(id, "accept-claim", { note: "ours" })).toBe("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE");
    expect(await act(id, "adjudicate", { adjudication_outcome: "SELLER_FAVOR" })).toBe("");
    expect((await get(id)).dispute_outcome).toEqual({ outcome_code: "RESOLVED_SELLER_FAVOUR" });
    expect(await status(captureId)).toBe("COMPLETED");
  });

  it("take evidence with files", async () => {
    const id = open(await shop.captured());
    const form = new FormData();
    form.set("input", new Blob([JSON.stringify(evidence)], { type: "application/json" }));
    form.set("file1", new Blob(["proof"]), "proof.txt");
    const request = new Request(simulator.url, { method: "POST", body: form });
    expect(
      (
        await shop.ask(`POST ${path}/${id}/provide-evidence`, await request.text(), {
          "content-type": request.headers.get("content-type")!,
        })
      ).status,
    ).toBe(200);
    expect((await get(id)).status).toBe("UNDER_REVIEW");
  });

  it("are lost by giving in, by silence, or by decision; an appeal asks once more", async () => {
    const [given, silent, lost] = [await shop.captured("10.00"), await shop.captured("10.00"), await shop.captured("10.00")];
    const [one, two, three] = [open(given), open(silent, { value: "4.00" }), open(lost)];
    expect(await act(one, "accept-claim", { note: "sorry" })).toBe("");
    expect(await status(given)).toBe("REFUNDED");
    simulator.tell(`disputes/${three}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    expect(await act(three, "appeal", evidence)).toBe("");
    simulator.tell(`disputes/${three}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    expect(await act(three, "appeal", evidence)).toBe("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE");
    simulator.advance(10 * day);
    expect(await get(two)).toMatchObject({ status: "RESOLVED", dispute_outcome: { amount_refunded: { value: "4.00" } } });
    expect(await status(silent)).toBe("PARTIALLY_REFUNDED");
  });

  it("give back what was taken when an appeal is won", async () => {
    const captureId = await shop.captured("10.00");
    const id = open(captureId, { value: "4.00" });
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    expect(await status(captureId)).toBe("PARTIALLY_REFUNDED");
    expect(await act(id, "appeal", evidence)).toBe("");
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_SELLER_FAVOUR" });
    expect(await status(captureId)).toBe("COMPLETED");
    expect(await refund(captureId)).toBe("");
  });

  it("of a bank cost a fee when lost, and bar any refund", async () => {
    const captureId = await shop.captured("10.00");
    const id = open(captureId, { channel: "EXTERNAL" });
    expect(await refund(captureId)).toBe("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK");
    simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
    expect((await get(id)).money_movements).toMatchObject([
      { reason: "DISPUTE_SETTLEMENT", amount: { value: "10.00" } },
      { reason: "CHARGEBACK_FEE", amount: { value: "16.00" } },
    ]);
    expect(await status(captureId)).toBe("REFUNDED");
  });

  it("begin as a question when the buyer only asks", async () => {
    const id = open(await shop.captured(), { stage: "INQUIRY" });
    expect((await get(id)).status).toBe("OPEN");
    expect(await act(id, "send-message", { message: "It is on its way." })).toBe("");
    simulator.tell(`disputes/${id}/escalate`);
    expect((await get(id)).status).toBe("WAITING_FOR_SELLER_RESPONSE");
    simulator.tell(`disputes/${id}/resolve`, { outcome: "CANCELED_BY_BUYER" });
  });

  it("are told to webhooks, and listed for their own merchant alone", async () => {
    const other = openShop(simulator);
    const captureId = await other.captured();
    const id = open(captureId);
    const mine = await shop.ask<{ items: Dispute[] }>(`GET ${path}?page_size=50`);
    expect(mine.body.items.map((one) => one.dispute_id)).not.toContain(id);
    const theirs = await other.ask<{ items: Dispute[] }>(`GET ${path}?disputed_transaction_id=${captureId}&dispute_state=REQUIRED_ACTION`);
    expect(theirs.body.items.map((one) => one.dispute_id)).toEqual([id]);
    expect((await shop.ask(`GET ${path}/${id}`)).status).toBe(404);
    const wanted = ["CREATED", "UPDATED", "RESOLVED"].map((what) => `CUSTOMER.DISPUTE.${what}`);
    while (!wanted.every((type) => listener.types().includes(type))) await listener.until(listener.arrived.length + 1);
  });
});
