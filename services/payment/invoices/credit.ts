import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { formatAmount, parseAmount, type Currency } from "../money.ts";
import type { Breakdown, BreakdownLine, TaxGroup } from "../tax/breakdown.ts";
import { parseRate, wholeRate } from "../tax/rate.ts";
import { allocate, divide } from "../tax/rounding.ts";
import { restore, store } from "../tax/stored.ts";
import { sellerParty, type Content } from "./content.ts";
import { amountsOf, lockInvoice } from "./drafts.ts";
import { tell } from "./events.ts";
import { completeSeller } from "./issue.ts";
import { nextNumber } from "./numbers.ts";
import { assertTakes } from "./state.ts";

export interface Credit {
  /** Decimal string, tax included; all that is left when left out. */
  amount?: string;
  /** Why, as the buyer reads it. */
  note?: string;
  refundId?: string;
}

/**
 * Takes back an issued invoice, or part of it, by a credit note of its own number, in one transaction. Together credit notes never take back more
 * than the invoice, of no rate; what takes back the last cent makes it void.
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT, VALIDATION_FAILED, CREDIT_EXCEEDS_INVOICE with what is left, SELLER_INCOMPLETE
 */
export async function creditInvoice(em: Em, id: string, { amount, note, refundId }: Credit, actor: string): Promise<InvoiceRow> {
  const invoice = await lockInvoice(em, id);
  assertTakes(invoice, "credit");
  const currency = invoice.currency as Currency;
  const left = invoice.grossMinor - invoice.creditedMinor;
  const wanted = amount === undefined ? left : parseAmount(amount, currency);
  if (wanted === 0n) throw errors.invalid([{ pointer: "/amount", detail: "must be more than zero" }]);
  if (wanted > left)
    throw errors.creditExceeds(
      `The invoice has ${formatAmount(left, currency)} ${currency} left to be credited; ${formatAmount(wanted, currency)} came.`,
      { left: formatAmount(left, currency), currency },
    );
  const seller = await completeSeller(em, invoice.tenantId);
  const content = restore<Content>(invoice.content);
  const earlier = await em.find(Invoice, { correctsId: id });
  const groups = shareOut(
    wanted,
    remaining(
      content.breakdown.groups,
      earlier.flatMap((credit) => restore<Content>(credit.content).breakdown.groups),
    ),
  );
  const breakdown = creditBreakdown(content.breakdown, groups, invoice.number!);
  const now = new Date();
  const credited: Content = {
    ...{ seller: sellerParty(seller), buyer: content.buyer, breakdown, note: note ?? null, prepaidMinor: 0n },
    corrects: { number: invoice.number!, issueDate: invoice.issueDate! },
  };
  const creditNote = em.create(Invoice, {
    ...{
      id: uuidv7(),
      tenantId: invoice.tenantId,
      userId: invoice.userId ?? null,
      subscriptionId: invoice.subscriptionId ?? null,
      kind: "credit_note",
      status: "issued",
      creditedMinor: 0n,
    },
    ...(await nextNumber(em, invoice.tenantId, seller.creditSeries)),
    ...amountsOf(breakdown),
    content: store(credited),
    ...{ refundId: refundId ?? null, correctsId: id, issueDate: now.toISOString().slice(0, 10), issuedAt: now, createdAt: now },
  });
  em.persist(creditNote);
  invoice.creditedMinor += wanted;
  const all = invoice.creditedMinor === invoice.grossMinor;
  if (all) invoice.status = "void";
  await em.flush();
  await tell(em, creditNote, "invoice.issued", actor);
  if (all) await tell(em, invoice, "invoice.voided", actor);
  describeAct({ object: `invoice:${id}`, details: { creditNote: creditNote.number!, amount: formatAmount(wanted, currency), currency } });
  return creditNote;
}

const keyOf = ({ code, percent }: TaxGroup) => `${code} ${percent}`;

/** What is left of each rate's share after earlier credit notes. */
function remaining(groups: readonly TaxGroup[], credited: readonly TaxGroup[]): TaxGroup[] {
  return groups.map((group) => {
    const taken = credited.filter((other) => keyOf(other) === keyOf(group));
    const less = (name: "netMinor" | "taxMinor" | "grossMinor") => taken.reduce((left, other) => left - other[name], group[name]);
    return { ...group, netMinor: less("netMinor"), taxMinor: less("taxMinor"), grossMinor: less("grossMinor") };
  });
}

/** Shares an amount out to what is left of each rate, tax and net within what is left of them: the last credit note takes exactly the rest. */
export function shareOut(amount: bigint, left: readonly TaxGroup[]): TaxGroup[] {
  const shares = allocate(
    amount,
    left.map(({ grossMinor }) => grossMinor),
  );
  return left.flatMap((group, index) => {
    const grossMinor = shares[index]!;
    if (grossMinor === 0n) return [];
    const rate = parseRate(group.percent);
    const held = divide(grossMinor * rate, wholeRate + rate, "half-up");
    const least = grossMinor > group.netMinor ? grossMinor - group.netMinor : 0n;
    const taxMinor = held < least ? least : held > group.taxMinor ? group.taxMinor : held;
    return [{ ...group, grossMinor, taxMinor, netMinor: grossMinor - taxMinor }];
  });
}

function creditBreakdown(of: Breakdown, groups: TaxGroup[], number: string): Breakdown {
  const sum = (name: "netMinor" | "taxMinor" | "grossMinor") => groups.reduce((total, group) => total + group[name], 0n);
  const lines = groups.map(({ code, percent, netMinor, taxMinor, grossMinor }): BreakdownLine => {
    const like = of.lines.find((line) => line.code === code && line.percent === percent);
    return {
      ...{ kind: "item", name: `Credit for invoice ${number}`, sku: null, quantity: 1n, discountMinor: 0n },
      unitMinor: of.prices === "inclusive" ? grossMinor : netMinor,
      ...{ listNetMinor: netMinor, netMinor, taxMinor, grossMinor, code, percent },
      ...{ category: like?.category ?? "standard", rate: like?.rate ?? null },
    };
  });
  return { ...of, lines, groups, discountMinor: 0n, netMinor: sum("netMinor"), taxMinor: sum("taxMinor"), grossMinor: sum("grossMinor") };
}
