import { randomBytes } from "node:crypto";
import { type Amount, receivable, refuseAmount } from "./amounts.ts";
import { type ErrorDetail, failure, refusal, type Reply } from "./replies.ts";

export interface Capture {
  id: string;
  status: "COMPLETED" | "PENDING" | "DECLINED";
  amount: Amount;
  final_capture: true;
  seller_receivable_breakdown: ReturnType<typeof receivable>;
  custom_id?: string;
  invoice_id?: string;
  create_time: string;
  update_time: string;
}

interface PurchaseUnit {
  reference_id?: string;
  amount: Amount;
  custom_id?: string;
  invoice_id?: string;
  description?: string;
  payments?: { captures: Capture[] };
}

/** An order in PayPal's own field names, plus who owns it. */
export interface Order {
  id: string;
  merchant: string;
  intent: string;
  status: "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED" | "VOIDED";
  purchase_units: PurchaseUnit[];
  payer?: { payer_id: string; email_address: string };
  return_url: string | null;
  cancel_url: string | null;
  /** The link that sends the payer to PayPal is called differently when a payment source was given. */
  approval_rel: "approve" | "payer-action";
  create_time: string;
  update_time: string;
}

interface CreateBody {
  intent?: unknown;
  purchase_units?: unknown;
  payment_source?: { paypal?: { experience_context?: { return_url?: string; cancel_url?: string } } };
  application_context?: { return_url?: string; cancel_url?: string };
}

const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
const seventeen = () => Array.from(randomBytes(17), (byte) => letters[byte % letters.length]).join("");
const now = () => new Date().toISOString().replace(/\.\d+/, "");

const amountSyntax = /^(-?\d+|-?\d*\.\d+)$/;

/** Schema faults (400) of a create request, in the order PayPal lists them. */
function faultsOf(body: CreateBody): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const fault = (issue: string, field: string, value?: string) =>
    faults.push({ issue, field, value, location: "body", description: `${field}: ${issue}` });
  if (body.intent === undefined) fault("MISSING_REQUIRED_PARAMETER", "/intent");
  else if (body.intent !== "CAPTURE" && body.intent !== "AUTHORIZE")
    fault("INVALID_PARAMETER_VALUE", "/intent", JSON.stringify(body.intent));
  const units = body.purchase_units;
  if (!Array.isArray(units) || units.length === 0) fault("MISSING_REQUIRED_PARAMETER", "/purchase_units");
  else if (units.length > 10) fault("INVALID_ARRAY_MAX_ITEMS", "/purchase_units");
  else
    units.forEach((unit: Partial<PurchaseUnit> | null, index) => {
      const at = `/purchase_units/@reference_id=='${unit?.reference_id ?? "default"}'`;
      const { currency_code: code, value } = unit?.amount ?? {};
      if (!unit?.amount) return fault("MISSING_REQUIRED_PARAMETER", `${at}/amount`);
      if (typeof code !== "string" || code.length !== 3)
        fault(code === undefined ? "MISSING_REQUIRED_PARAMETER" : "INVALID_STRING_LENGTH", `${at}/amount/currency_code`);
      if (value === undefined) fault("MISSING_REQUIRED_PARAMETER", `${at}/amount/value`);
      else if (typeof value !== "string" || !amountSyntax.test(value) || value.length > 32)
        fault("INVALID_PARAMETER_SYNTAX", `${at}/amount/value`, String(value));
      for (const [field, most] of [
        ["custom_id", 127],
        ["invoice_id", 127],
        ["description", 127],
      ] as const) {
        if ((unit[field]?.length ?? 0) > most) fault("INVALID_STRING_LENGTH", `/purchase_units/${index}/${field}`);
      }
    });
  return faults;
}

/** The orders of one simulator and what PayPal allows to be done with them. Every method is synchronous, hence atomic. */
export class Orders {
  readonly #orders = new Map<string, Order>();
  readonly #invoices = new Set<string>();

  create(body: CreateBody, merchant: string, hasRequestId: boolean): { order: Order } | { reply: Reply } {
    const faults = faultsOf(body);
    if (body.payment_source && !hasRequestId) {
      faults.push({
        issue: "PAYPAL_REQUEST_ID_REQUIRED",
        field: "PayPal-Request-Id",
        location: "header",
        description: "Required with a payment source.",
      });
    }
    if (faults.length) return { reply: failure(400, ...faults) };
    const units = body.purchase_units as PurchaseUnit[];
    for (const unit of units) {
      const reply = refuseAmount(unit.amount);
      if (reply) return { reply };
    }
    if (new Set(units.map((unit) => unit.amount.currency_code)).size > 1) return { reply: refusal("MULTI_CURRENCY_ORDER") };
    const context = body.payment_source?.paypal?.experience_context ?? body.application_context;
    const time = now();
    const order: Order = {
      id: seventeen(),
      merchant,
      intent: body.intent as string,
      status: body.payment_source ? "PAYER_ACTION_REQUIRED" : "CREATED",
      purchase_units: units.map((unit) => ({ ...unit, reference_id: unit.reference_id ?? "default" })),
      return_url: context?.return_url ?? null,
      cancel_url: context?.cancel_url ?? null,
      approval_rel: body.payment_source ? "payer-action" : "approve",
      create_time: time,
      update_time: time,
    };
    this.#orders.set(order.id, order);
    return { order };
  }

  count(): number {
    return this.#orders.size;
  }

  find(id: string): Order | undefined {
    return this.#orders.get(id);
  }

  /** An order as its merchant sees it: another merchant's does not exist. */
  get(id: string, merchant: string): { order: Order } | { reply: Reply } {
    const order = this.#orders.get(id);
    if (order?.merchant === merchant) return { order };
    return {
      reply: failure(404, {
        issue: "INVALID_RESOURCE_ID",
        field: "order_id",
        value: id,
        location: "path",
        description: "Specified resource ID does not exist.",
      }),
    };
  }

  /** The payer agrees. Agreeing twice changes nothing. */
  approve(id: string): Order | undefined {
    const order = this.#orders.get(id);
    if (order?.status === "CREATED" || order?.status === "PAYER_ACTION_REQUIRED") {
      order.status = "APPROVED";
      order.payer = { payer_id: seventeen().slice(0, 13), email_address: "payer@example.com" };
      order.update_time = now();
    }
    return order;
  }

  capture(id: string, merchant: string): { order: Order } | { reply: Reply } {
    const found = this.get(id, merchant);
    if ("reply" in found) return found;
    const { order } = found;
    if (order.status === "COMPLETED") return { reply: refusal("ORDER_ALREADY_CAPTURED", "Order already captured.") };
    if (order.status !== "APPROVED") return { reply: refusal("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.") };
    if (order.intent !== "CAPTURE") return { reply: refusal("ACTION_DOES_NOT_MATCH_INTENT") };
    const invoices = order.purchase_units.flatMap((unit) => (unit.invoice_id ? [`${merchant} ${unit.invoice_id}`] : []));
    if (invoices.some((invoice) => this.#invoices.has(invoice))) return { reply: refusal("DUPLICATE_INVOICE_ID") };
    for (const invoice of invoices) this.#invoices.add(invoice);
    const time = now();
    for (const unit of order.purchase_units) {
      const { amount, custom_id, invoice_id } = unit;
      const ids = { ...(custom_id && { custom_id }), ...(invoice_id && { invoice_id }) };
      unit.payments = {
        captures: [
          {
            id: seventeen(),
            status: "COMPLETED",
            amount,
            final_capture: true,
            seller_receivable_breakdown: receivable(amount),
            ...ids,
            create_time: time,
            update_time: time,
          },
        ],
      };
    }
    order.status = "COMPLETED";
    order.update_time = time;
    return { order };
  }

  /** How many captures exist: what tests of "captured once" ask. */
  captures(): Capture[] {
    return [...this.#orders.values()].flatMap((order) => order.purchase_units.flatMap((unit) => unit.payments?.captures ?? []));
  }
}

/** The order as PayPal sends it: all of it, or id, status and links (`Prefer: return=minimal`). */
export function represent(order: Order, origin: string, whole: boolean): Record<string, unknown> {
  const self = `${origin}/v2/checkout/orders/${order.id}`;
  const links = [{ href: self, rel: "self", method: "GET" }];
  const open = order.status === "CREATED" || order.status === "PAYER_ACTION_REQUIRED";
  if (open) links.push({ href: `${origin}/checkoutnow?token=${order.id}`, rel: order.approval_rel, method: "GET" });
  if (open || order.status === "APPROVED") links.push({ href: `${self}/capture`, rel: "capture", method: "POST" });
  const { id, intent, status, purchase_units, payer, create_time, update_time } = order;
  if (!whole) return { id, status, links };
  return {
    id,
    intent,
    status,
    purchase_units,
    ...(payer && { payer, payment_source: { paypal: { account_id: payer.payer_id, email_address: payer.email_address } } }),
    create_time,
    update_time,
    links,
  };
}
