import type { BilledInvoice, BilledItem } from "../gateway/invoicing.ts";
import type { Issued } from "../invoices/issued.ts";
import { formatAmount } from "../money.ts";
import type { Breakdown } from "../tax/breakdown.ts";
import { parseRate, wholeRate } from "../tax/rate.ts";
import { divide } from "../tax/rounding.ts";

/** PayPal takes no more, and no quantity of more digits. */
const mostItems = 100;
const mostOfOne = 999_999_999n;

const one = (name: string, minor: bigint, quantity: bigint, percent: string | null): BilledItem =>
  minor % quantity === 0n && quantity <= mostOfOne
    ? { name, quantity, unitMinor: minor / quantity, percent }
    : { name: `${quantity} × ${name}`.slice(0, 127), quantity: 1n, unitMinor: minor, percent };

/** What PayPal makes of items: tax on each line, half up. */
export function paypalTotals(items: readonly BilledItem[]): { taxMinor: bigint; grossMinor: bigint } {
  let [taxMinor, netMinor] = [0n, 0n];
  for (const { quantity, unitMinor, percent } of items) {
    netMinor += quantity * unitMinor;
    if (percent !== null) taxMinor += divide(quantity * unitMinor * parseRate(percent), wholeRate, "half-up");
  }
  return { taxMinor, grossMinor: netMinor + taxMinor };
}

/**
 * The items by which PayPal comes to the very totals of the invoice. PayPal rounds tax on each line and we do on each rate: where its sum would be another,
 * each rate becomes one item, and where that is off too (prices that hold tax) the items have their prices with tax and a note tells it.
 */
export function billedItems(breakdown: Breakdown): { items: BilledItem[]; note: string | null } {
  const { lines, groups, currency } = breakdown;
  const percentOf = ({ code, percent }: { code: string; percent: string }) => (code === "S" ? percent : null);
  const agrees = (items: BilledItem[]) => {
    const { taxMinor, grossMinor } = paypalTotals(items);
    return items.length <= mostItems && taxMinor === breakdown.taxMinor && grossMinor === breakdown.grossMinor;
  };
  const byLine = lines.map((line) => one(line.name, line.netMinor, line.quantity, percentOf(line)));
  if (agrees(byLine)) return { items: byLine, note: null };
  const byRate = groups.map((group) => one(`Items with ${group.percent} % tax`, group.netMinor, 1n, percentOf(group)));
  if (agrees(byRate)) return { items: byRate, note: null };
  const told = groups.map(
    ({ percent, netMinor, taxMinor }) => `${formatAmount(taxMinor, currency)} (${percent} % of ${formatAmount(netMinor, currency)})`,
  );
  const gross = lines.map((line) => one(line.name, line.grossMinor, line.quantity, null));
  return {
    items: gross.length <= mostItems ? gross : [one("All items, tax included", breakdown.grossMinor, 1n, null)],
    note: `Prices include tax: ${told.join(", ")}.`,
  };
}

/** What is ours at PayPal is known by it. */
export const referenceOf = (id: string) => `invoice:${id}`;
const ours = /^invoice:([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/;
/** The invoice of ours that such a name means; null for what a merchant wrote at PayPal itself. */
export const invoiceOf = (reference: string): string | null => ours.exec(reference)?.[1] ?? null;

/** An issued invoice in PayPal's terms. @param email the buyer's */
export function billed(id: string, issued: Issued, email: string): BilledInvoice {
  const { number, issueDate, dueDate, seller, buyer, breakdown } = issued;
  const { items, note } = billedItems(breakdown);
  const reasons = breakdown.groups.flatMap(({ reason }) => (reason ? [`${reason.text}.`] : []));
  const notes = [issued.note, note, ...reasons].filter((said) => said !== null);
  return {
    ...{ number, reference: referenceOf(id), date: issueDate, dueDate: dueDate ?? issueDate, currency: breakdown.currency, items, seller },
    note: notes.length ? notes.join(" ") : null,
    buyer: { name: buyer.name, email },
  };
}
