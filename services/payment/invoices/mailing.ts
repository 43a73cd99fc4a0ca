import type { ServiceBroker } from "moleculer";
import { call } from "../../../config/calls.ts";
import type { DomainEvent } from "../../../config/events.ts";
import { errors } from "../../../config/errors.ts";
import type { Subscription } from "../../../mixins/consumer.ts";
import type { Database } from "../../../mixins/database.ts";
import { formatAmount } from "../money.ts";
import { readSeller } from "../seller/seller.ts";
import { documentOf } from "./documents.ts";
import { findInvoice } from "./drafts.ts";
import { issuedOf } from "./issued.ts";
import { assertTakes } from "./state.ts";

export interface Post {
  db: Database;
  broker: ServiceBroker;
  /** Claims of this service for an organisation, to call the notification service with. */
  claimOf: (tenantId: string) => Promise<string>;
}

const documents = { invoice: "Invoice", credit_note: "Credit note" };

/**
 * Hands an issued invoice with its PDF to the notification service, which sees to it that it arrives.
 * @param to the buyer's address when left out
 * @param key a repeat under the same key sends nothing more
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT for a draft, VALIDATION_FAILED without an address
 */
export async function mailInvoice(
  { db, broker, claimOf }: Post,
  tenantId: string,
  { id, to, key }: { id: string; to?: string; key: string },
): Promise<{ mailId: string; to: string }> {
  const invoice = await db.tenant(tenantId, (em) => findInvoice(em, id));
  assertTakes(invoice, "send");
  const { kind, number, buyer, seller, breakdown } = issuedOf(invoice);
  const address = to ?? buyer.email;
  if (!address) throw errors.invalid([{ pointer: "/to", detail: "is required: the buyer's e-mail address is not known" }]);
  const { base64 } = await documentOf(db, tenantId, id, "pdf");
  const mail = {
    to: address,
    template: "invoice",
    data: {
      ...{ document: documents[kind], number, seller: seller.name },
      amount: `${formatAmount(breakdown.grossMinor, breakdown.currency)} ${breakdown.currency}`,
    },
    attachments: [{ name: `${number.replaceAll("/", "-")}.pdf`, mediaType: "application/pdf" as const, base64 }],
    key,
  };
  const sent = await call(broker, "notification.mail.send", mail, { meta: { claim: await claimOf(tenantId) } });
  return { mailId: sent.id, to: address };
}

/** Mails what was issued to the buyer where the seller's settings want that; each once, however often its event comes. */
export const mailSubscription = (post: Post): Subscription => ({
  name: "invoice-mail",
  type: "invoice.issued",
  concurrency: 2,
  async work(event) {
    const { tenantId, data } = event as DomainEvent<"invoice.issued">;
    const { invoiceId: id } = data;
    const { wanted, invoice } = await post.db.tenant(tenantId, async (em) => ({
      wanted: (await readSeller(em, tenantId))?.mailOnIssue,
      invoice: await findInvoice(em, id),
    }));
    if (wanted && issuedOf(invoice).buyer.email) await mailInvoice(post, tenantId, { id, key: `invoice:${id}` });
  },
});
