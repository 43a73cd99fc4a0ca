import { type Amount, amountSyntax, demandAmount } from "./amounts.ts";
import { Complaints } from "./complaints.ts";
import { type Discount, type InvoiceItem, totalsOf, type Wishes } from "./invoicetotals.ts";
import { refused } from "./replies.ts";

interface Detail {
  currency_code?: string;
  invoice_number?: string;
  reference?: string;
  invoice_date?: string;
  note?: string;
  term_condition?: string;
  memo?: string;
  payment_term?: { term_type?: string; due_date?: string };
}

interface Recipient {
  billing_info?: { email_address?: string; name?: object };
}

/** The merchant's part of an invoice, as it was sent. */
export interface Draft {
  detail: Detail & { currency_code: string };
  invoicer: object | undefined;
  primary_recipients: Recipient[];
  additional_recipients: object[] | undefined;
  items: InvoiceItem[];
  configuration: {
    tax_calculated_after_discount?: boolean;
    tax_inclusive?: boolean;
    partial_payment?: { allow_partial_payment?: boolean; minimum_amount_due?: Amount };
  };
  breakdown: {
    discount?: { invoice_discount?: Discount };
    shipping?: NonNullable<Wishes["shipping"]>;
    custom?: NonNullable<Wishes["custom"]>;
  };
}

const percentSyntax = /^(\d{1,2}(\.\d{1,5})?|100(\.0{1,5})?)$/;
const quantitySyntax = /^\d{1,9}(\.\d{1,5})?$/;

function complainAboutPercent(complaints: Complaints, of: { percent?: string } | undefined, at: string, isNeeded: boolean): void {
  if (of && (of.percent === undefined ? isNeeded : !percentSyntax.test(of.percent)))
    complaints.add(of.percent === undefined ? "MISSING_REQUIRED_PARAMETER" : "INVALID_PARAMETER_SYNTAX", `${at}/percent`, of.percent);
}

function complainAboutItem(complaints: Complaints, item: Partial<InvoiceItem>, at: string): void {
  complaints.text(item.name, `${at}/name`, 200, true);
  complaints.text(item.description, `${at}/description`, 1_000);
  if (!quantitySyntax.test(item.quantity ?? "")) complaints.add("INVALID_PARAMETER_SYNTAX", `${at}/quantity`, String(item.quantity));
  complaints.amount(item.unit_amount, `${at}/unit_amount`, true);
  complaints.amount(item.discount?.amount, `${at}/discount/amount`);
  complainAboutPercent(complaints, item.tax, `${at}/tax`, true);
  complainAboutPercent(complaints, item.discount, `${at}/discount`, false);
}

/** Reads an invoice's body. @throws Refused naming every schema fault, else the first amount that PayPal does not take. */
export function readInvoice(body: Record<string, unknown>): Draft {
  const complaints = new Complaints();
  const detail = (body["detail"] ?? {}) as Detail;
  complaints.text(detail.currency_code, "/detail/currency_code", 3, true);
  for (const [field, most] of [
    ["invoice_number", 25],
    ["reference", 120],
    ["note", 4_000],
    ["term_condition", 4_000],
    ["memo", 500],
  ] as const)
    complaints.text(detail[field], `/detail/${field}`, most);
  for (const date of [detail.invoice_date, detail.payment_term?.due_date])
    if (date !== undefined && !/^\d{4}-\d\d-\d\d$/.test(date)) complaints.add("INVALID_PARAMETER_SYNTAX", "/detail/invoice_date", date);
  const items = (body["items"] ?? []) as InvoiceItem[];
  if (items.length > 100) complaints.add("INVALID_ARRAY_MAX_ITEMS", "/items");
  items.forEach((item, index) => complainAboutItem(complaints, item, `/items/${index}`));
  const recipients = (body["primary_recipients"] ?? []) as Recipient[];
  for (const { billing_info } of recipients)
    complaints.text(billing_info?.email_address, "/primary_recipients/billing_info/email_address", 254);
  const breakdown = (body["amount"] as { breakdown?: Draft["breakdown"] } | undefined)?.breakdown ?? {};
  const { shipping, custom, discount } = breakdown;
  complainAboutPercent(complaints, shipping?.tax, "/amount/breakdown/shipping/tax", true);
  complainAboutPercent(complaints, discount?.invoice_discount, "/amount/breakdown/discount/invoice_discount", false);
  for (const [part, amount] of [
    ["shipping", shipping?.amount],
    ["custom", custom?.amount],
    ["discount", discount?.invoice_discount?.amount],
  ] as const)
    complaints.amount(amount, `/amount/breakdown/${part}/amount`);
  complaints.finish();
  const draft: Draft = {
    detail: { ...detail, currency_code: detail.currency_code! },
    invoicer: body["invoicer"] as object | undefined,
    primary_recipients: recipients,
    additional_recipients: body["additional_recipients"] as object[] | undefined,
    items,
    configuration: {
      tax_calculated_after_discount: true,
      tax_inclusive: false,
      ...(body["configuration"] as Draft["configuration"] | undefined),
    },
    breakdown,
  };
  for (const amount of [
    ...items.map((item) => item.unit_amount),
    ...items.flatMap((item) => item.discount?.amount ?? []),
    shipping?.amount,
    custom?.amount,
  ]) {
    if (!amount) continue;
    demandAmount(amount, { sign: "zero" });
    if (amount.currency_code !== draft.detail.currency_code)
      throw refused("CURRENCY_MISMATCH", "All amounts of an invoice have its currency.");
  }
  if (draftTotals(draft).total < 0n) throw refused("CANNOT_BE_NEGATIVE", "The total of an invoice is not negative.", "/amount");
  return draft;
}

/** What a draft comes to. */
export const draftTotals = ({ items, breakdown, configuration, detail }: Draft) =>
  totalsOf(
    {
      items,
      ...(breakdown.discount?.invoice_discount && { discount: breakdown.discount.invoice_discount }),
      ...(breakdown.shipping && { shipping: breakdown.shipping }),
      ...(breakdown.custom && { custom: breakdown.custom }),
      taxInclusive: configuration.tax_inclusive === true,
      taxAfterDiscount: configuration.tax_calculated_after_discount !== false,
    },
    detail.currency_code,
  );

/** The amount of a recorded payment or refund. @throws Refused with the codes that invoices have for it */
export function readRecorded(value: unknown, code: string): Amount {
  const amount = value as Amount | undefined;
  const complaints = new Complaints();
  complaints.amount(amount, "/amount");
  if (amount && typeof amount.value === "string" && amountSyntax.test(amount.value) && Number(amount.value) === 0)
    complaints.add("VALUE_CANNOT_BE_ZERO", "/amount/value");
  complaints.finish();
  demandAmount(amount!, { field: "/amount/value" });
  if (amount!.currency_code !== code) throw refused("CURRENCY_MISMATCH", "The currency is not the invoice's.");
  return amount!;
}
