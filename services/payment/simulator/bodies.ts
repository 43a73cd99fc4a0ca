import type { Operation } from "./faults.ts";
import type { Example } from "./shape.ts";

const money = { currency_code: "", value: "" };
const patches = [{ op: "", path: "", value: null }];

const context = { return_url: "", cancel_url: "" };
const card = { number: "", expiry: "", security_code: "", name: "", billing_address: {}, verification_method: "" };
const attributes = { customer: { id: "" }, vault: { store_in_vault: "" }, verification: { method: "" } };
const source = { vault_id: "", attributes, experience_context: context };
const sources = { paypal: source, card: { ...source, ...card }, token: { id: "", type: "" } };
const withSource = { payment_source: sources, application_context: context, customer: { id: "" } };

const orderParts = ["item_total", "tax_total", "shipping", "handling", "insurance", "shipping_discount", "discount"];
const orderAmount = { ...money, breakdown: Object.fromEntries(orderParts.map((part) => [part, money])) };
const orderItem = { name: "", quantity: "", unit_amount: money, tax: money, description: "", sku: "" };
export const unit = {
  ...{ reference_id: "", custom_id: "", invoice_id: "", description: "", soft_descriptor: "" },
  ...{ amount: orderAmount, items: [orderItem], payee: {}, shipping: {} },
};
const order = { ...withSource, intent: "", purchase_units: [unit] };

const payment = { amount: money, invoice_id: "", custom_id: "", note_to_payer: "", soft_descriptor: "", final_capture: true };
const sale = { amount: { total: "", currency: "" }, invoice_number: "" };

const product = { id: "", name: "", description: "", type: "", category: "", image_url: "", home_url: "" };
const scheme = {
  ...{ fixed_price: money, pricing_model: "" },
  tiers: [{ starting_quantity: "", ending_quantity: "", amount: money }],
};
const schemes = { pricing_schemes: [{ billing_cycle_sequence: 0, pricing_scheme: scheme }] };
const cycle = {
  ...{ tenure_type: "", sequence: 0, total_cycles: 0, pricing_scheme: scheme },
  frequency: { interval_unit: "", interval_count: 0 },
};
const preferences = { setup_fee: money, setup_fee_failure_action: "", payment_failure_threshold: 0, auto_bill_outstanding: true };
const terms = { billing_cycles: [cycle], payment_preferences: preferences, taxes: { percentage: "", inclusive: true } };
const plan = { ...terms, product_id: "", name: "", description: "", status: "", quantity_supported: true };
const subscription = {
  ...{ plan_id: "", start_time: "", quantity: "", custom_id: "", shipping_amount: money, subscriber: {}, plan: terms },
  application_context: { ...context, user_action: "" },
};
const outstanding = { note: "", capture_type: "", amount: money };

const percent = { name: "", percent: "" };
const discount = { percent: "", amount: money };
const invoice = {
  detail: {
    ...{ currency_code: "", invoice_number: "", reference: "", invoice_date: "", note: "", term_condition: "", memo: "" },
    payment_term: { term_type: "", due_date: "" },
  },
  ...{ invoicer: {}, primary_recipients: [{ billing_info: { email_address: "", name: {} } }], additional_recipients: [null] },
  items: [{ name: "", description: "", quantity: "", unit_amount: money, tax: percent, discount }],
  configuration: {
    tax_calculated_after_discount: true,
    tax_inclusive: true,
    partial_payment: { allow_partial_payment: true, minimum_amount_due: money },
  },
  amount: {
    breakdown: {
      discount: { invoice_discount: discount },
      shipping: { amount: money, tax: percent },
      custom: { label: "", amount: money },
    },
  },
};
const recorded = { method: "", amount: money, payment_date: "", refund_date: "", note: "" };
const invoiceSearch = { invoice_number: "", reference: "", recipient_email: "", currency_code: "", status: [""] };

const webhook = { url: "", event_types: [{ name: "" }] };
const evidence = { evidences: [{ evidence_type: "", notes: "" }] };

/** What the bodies of operations look like, by example; see shape.ts. */
export const bodies: Partial<Record<Operation, Example>> = {
  "orders.create": order,
  "orders.patch": patches,
  "orders.confirm": withSource,
  "orders.capture": withSource,
  "orders.authorize": withSource,
  "authorizations.capture": payment,
  "authorizations.reauthorize": payment,
  "captures.refund": payment,
  "sales.refund": sale,
  "products.create": product,
  "products.patch": patches,
  "plans.create": plan,
  "plans.patch": patches,
  "plans.prices": schemes,
  "subscriptions.create": subscription,
  "subscriptions.patch": patches,
  "subscriptions.revise": subscription,
  "subscriptions.suspend": { reason: "" },
  "subscriptions.cancel": { reason: "" },
  "subscriptions.activate": { reason: "" },
  "subscriptions.capture": outstanding,
  "invoices.create": invoice,
  "invoices.update": invoice,
  "invoices.search": invoiceSearch,
  "invoices.pay": recorded,
  "invoices.refund": recorded,
  "setup-tokens.create": withSource,
  "payment-tokens.create": withSource,
  "disputes.evidence": evidence,
  "webhooks.create": webhook,
  "webhooks.patch": patches,
  "events.resend": { webhook_ids: [""] },
  "events.simulate": { webhook_id: "", url: "", event_type: "" },
};
