import { type Amount, demandAmount, minorOf } from "./amounts.ts";
import type { Complaints } from "./complaints.ts";
import { refused } from "./replies.ts";

interface Item {
  name?: string;
  quantity?: string;
  unit_amount?: Amount;
  tax?: Amount;
}

const parts = ["item_total", "tax_total", "shipping", "handling", "insurance", "shipping_discount", "discount"] as const;

export interface OrderAmount extends Amount {
  breakdown?: Partial<Record<(typeof parts)[number], Amount>>;
}

export interface PurchaseUnit {
  reference_id: string;
  amount: OrderAmount;
  custom_id?: string;
  invoice_id?: string;
  description?: string;
  soft_descriptor?: string;
  items?: Item[];
  payee?: object;
  shipping?: object;
}

const lengths = [
  ["reference_id", 256],
  ["custom_id", 127],
  ["invoice_id", 127],
  ["description", 127],
  ["soft_descriptor", 22],
] as const;

/** Schema faults (400) of a request for an order, in the order PayPal lists them. */
export function complainAboutOrder(body: Record<string, unknown>, complaints: Complaints): void {
  complaints.word(body["intent"], "/intent", ["CAPTURE", "AUTHORIZE"], true);
  const units = body["purchase_units"];
  if (!Array.isArray(units) || units.length === 0) return complaints.add("MISSING_REQUIRED_PARAMETER", "/purchase_units");
  if (units.length > 10) return complaints.add("INVALID_ARRAY_MAX_ITEMS", "/purchase_units");
  for (const unit of units as (Partial<PurchaseUnit> | null)[]) {
    const at = `/purchase_units/@reference_id=='${unit?.reference_id ?? "default"}'`;
    complaints.amount(unit?.amount, `${at}/amount`, true);
    for (const part of parts) complaints.amount(unit?.amount?.breakdown?.[part], `${at}/amount/breakdown/${part}`);
    for (const [field, most] of lengths) complaints.text(unit?.[field], `${at}/${field}`, most);
    (unit?.items ?? []).forEach((item, index) => {
      complaints.text(item.name, `${at}/items/${index}/name`, 127, true);
      if (!/^[1-9]\d{0,9}$/.test(item.quantity ?? "")) complaints.add("INVALID_PARAMETER_SYNTAX", `${at}/items/${index}/quantity`);
      complaints.amount(item.unit_amount, `${at}/items/${index}/unit_amount`, true);
      complaints.amount(item.tax, `${at}/items/${index}/tax`);
    });
  }
}

const sum = (amounts: bigint[]) => amounts.reduce((total, one) => total + one, 0n);
const minor = (amount: Amount | undefined) => (amount ? minorOf(amount) : 0n);

/** @throws Refused (422) when the amounts of a unit do not add up, or PayPal does not take them. */
export function demandUnit({ amount, items = [], reference_id }: PurchaseUnit): void {
  const at = `/purchase_units/@reference_id=='${reference_id}'/amount`;
  demandAmount(amount, { field: `${at}/value` });
  const { breakdown } = amount;
  for (const part of parts) if (breakdown?.[part]) demandAmount(breakdown[part], { sign: "zero", field: `${at}/breakdown/${part}` });
  const inside = [...Object.values(breakdown ?? {}), ...items.flatMap((item) => [item.unit_amount, item.tax])].filter(
    (one) => one !== undefined,
  );
  if (inside.some((one) => one.currency_code !== amount.currency_code)) throw refused("MULTI_CURRENCY_ORDER");
  if (items.length) {
    for (const { unit_amount, tax } of items) {
      demandAmount(unit_amount!, { sign: "zero" });
      if (tax) demandAmount(tax, { sign: "zero" });
    }
    if (!breakdown?.item_total) throw refused("ITEM_TOTAL_REQUIRED", "If item details are specified, item_total is required.", at);
    const total = (of: "unit_amount" | "tax") => sum(items.map((item) => minor(item[of]) * BigInt(item.quantity!)));
    if (total("unit_amount") !== minor(breakdown.item_total))
      throw refused("ITEM_TOTAL_MISMATCH", "Should equal sum of (unit_amount * quantity) across all items.", at);
    if (items.some((item) => item.tax)) {
      if (!breakdown.tax_total) throw refused("TAX_TOTAL_REQUIRED", "If item tax is specified, tax_total is required.", at);
      if (total("tax") !== minor(breakdown.tax_total))
        throw refused("TAX_TOTAL_MISMATCH", "Should equal sum of (tax * quantity) across all items.", at);
    }
  }
  if (!breakdown) return;
  const { item_total, tax_total, shipping, handling, insurance, shipping_discount, discount } = breakdown;
  const added = sum([item_total, tax_total, shipping, handling, insurance].map(minor)) - minor(shipping_discount) - minor(discount);
  if (added !== minorOf(amount))
    throw refused(
      "AMOUNT_MISMATCH",
      "Should equal item_total + tax_total + shipping + handling + insurance - shipping_discount - discount.",
      at,
    );
}

/** Names the units and refuses those that contradict each other. @throws Refused (422) */
export function demandUnits(body: Record<string, unknown>): PurchaseUnit[] {
  const units = (body["purchase_units"] as PurchaseUnit[]).map((unit) => ({ ...unit, reference_id: unit.reference_id ?? "default" }));
  for (const unit of units) demandUnit(unit);
  if (new Set(units.map(({ amount }) => amount.currency_code)).size > 1) throw refused("MULTI_CURRENCY_ORDER");
  if (new Set(units.map(({ reference_id }) => reference_id)).size < units.length)
    throw refused(units.some(({ reference_id }) => reference_id === "default") ? "REFERENCE_ID_REQUIRED" : "DUPLICATE_REFERENCE_ID");
  if (units.length > 1 && body["intent"] === "AUTHORIZE")
    throw refused("INCOMPATIBLE_PARAMETER_VALUE", "Only one purchase unit is supported with intent AUTHORIZE.");
  return units;
}
