import { raw } from "@mikro-orm/postgresql";
import type { Page } from "../../../config/action.ts";
import type { InvoiceKind, InvoiceStatus } from "../../../config/states.ts";
import type { Things } from "../../../config/rules.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import type { Condition } from "../../../mixins/policy/sql.ts";
import { formatAmount, type Currency } from "../money.ts";
import { showBreakdown, type ShownBreakdown } from "../tax/shown.ts";
import { restore } from "../tax/stored.ts";
import type { BuyerParty, Content, SellerParty } from "./content.ts";

/** An invoice or credit note in a list. */
export interface ListedInvoice {
  id: string;
  kind: InvoiceKind;
  status: InvoiceStatus;
  number: string | null;
  currency: string;
  net: string;
  tax: string;
  gross: string;
  /** What credit notes have taken back of it. */
  credited: string;
  buyer: string;
  paymentId: string | null;
  /** Where it is of a subscription's payment, with PayPal's id of that. */
  subscriptionId: string | null;
  saleId: string | null;
  refundId: string | null;
  /** A credit note's invoice. */
  correctsId: string | null;
  issueDate: string | null;
  dueDate: string | null;
  createdAt: string;
  issuedAt: string | null;
  paidAt: string | null;
}

export interface ShownInvoice extends Omit<ListedInvoice, "buyer"> {
  /** As of the day of issue; null in a draft. */
  seller: SellerParty | null;
  buyer: BuyerParty;
  note: string | null;
  breakdown: ShownBreakdown;
}

const listed = (invoice: InvoiceRow, { buyer }: Content): ListedInvoice => {
  const currency = invoice.currency as Currency;
  const {
    id,
    kind,
    status,
    number = null,
    paymentId = null,
    subscriptionId = null,
    saleId = null,
    refundId = null,
    correctsId = null,
    issueDate = null,
    dueDate = null,
  } = invoice;
  return {
    ...{
      id,
      kind,
      status,
      number,
      currency,
      paymentId,
      subscriptionId,
      saleId,
      refundId,
      correctsId,
      issueDate,
      dueDate,
      buyer: buyer.name,
    },
    net: formatAmount(invoice.netMinor, currency),
    tax: formatAmount(invoice.taxMinor, currency),
    gross: formatAmount(invoice.grossMinor, currency),
    credited: formatAmount(invoice.creditedMinor, currency),
    createdAt: invoice.createdAt.toISOString(),
    issuedAt: invoice.issuedAt?.toISOString() ?? null,
    paidAt: invoice.paidAt?.toISOString() ?? null,
  };
};

export function showInvoice(invoice: InvoiceRow): ShownInvoice {
  const content = restore<Content>(invoice.content);
  const { seller, buyer, note, breakdown } = content;
  return { ...listed(invoice, content), seller, buyer, note, breakdown: showBreakdown(breakdown) };
}

/** The columns that rules of roles look at. */
export const invoiceAttributes = { owner: "user_id", amount: "amount", currency: "currency" };

export const attributesOfInvoice = (em: Em, id: string): Promise<Things["payment"] | undefined> =>
  row(em, `select user_id as owner, amount::float8 as amount, currency from payment.invoices where id = ?`, [id]);

interface Wanted {
  limit?: number;
  cursor?: string;
  status?: InvoiceStatus;
  kind?: InvoiceKind;
  paymentId?: string;
  subscriptionId?: string;
}

/** The organisation's invoices and credit notes, newest first. @param seen those that the caller may see */
export async function listInvoices(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, status, kind, paymentId, subscriptionId }: Wanted,
  seen: Condition,
): Promise<Page<ListedInvoice>> {
  const scope = ["invoices", tenantId, status ?? null, kind ?? null, paymentId ?? null, subscriptionId ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Invoice,
      {
        tenantId,
        [raw(seen.sql, seen.values)]: [],
        ...(status && { status }),
        ...(kind && { kind }),
        ...(paymentId && { paymentId }),
        ...(subscriptionId && { subscriptionId }),
        ...(at && id && { $or: [{ createdAt: { $lt: at } }, { createdAt: at, id: { $lt: id } }] }),
      },
      { orderBy: { createdAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: InvoiceRow) => encodeCursor(clusterSecret, scope, { after: [last.createdAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, (invoice) => listed(invoice, restore<Content>(invoice.content)), cursorOf);
}
