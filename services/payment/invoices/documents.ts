import { createHash } from "node:crypto";
import type { Binary } from "../../../config/action.ts";
import { InvoiceDocument } from "../../../entities/InvoiceDocument.ts";
import type { Database } from "../../../mixins/database.ts";
import { ciiOf } from "./cii.ts";
import { findInvoice } from "./drafts.ts";
import { issuedOf } from "./issued.ts";
import { renderPdf } from "./rendering.ts";
import { assertTakes } from "./state.ts";

export type DocumentFormat = "pdf" | "xml";
const mediaTypes: Record<DocumentFormat, string> = { pdf: "application/pdf", xml: "application/xml" };

/**
 * The document of an issued invoice. It is made when it is first asked for and kept: everybody gets the same bytes for ever.
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT for a draft
 */
export async function documentOf(db: Database, tenantId: string, id: string, format: DocumentFormat): Promise<Binary> {
  const { invoice, kept } = await db.tenant(tenantId, async (em) => ({
    invoice: await findInvoice(em, id),
    kept: await em.findOne(InvoiceDocument, { invoiceId: id, format }),
  }));
  assertTakes(invoice, "download");
  const { bytes, sha256 } = kept ?? (await keep(db, tenantId, id, format, await made(invoice, format)));
  return { mediaType: mediaTypes[format], base64: Buffer.from(bytes).toString("base64"), etag: sha256 };
}

const made = async (invoice: Parameters<typeof issuedOf>[0], format: DocumentFormat): Promise<Buffer> => {
  const issued = issuedOf(invoice);
  return format === "pdf" ? await renderPdf(issued) : Buffer.from(ciiOf(issued));
};

/** Keeps the bytes unless somebody was faster, whose are then the invoice's. */
function keep(db: Database, tenantId: string, invoiceId: string, format: DocumentFormat, bytes: Buffer) {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return db.tenant(tenantId, async (em) => {
    await em.execute(
      `insert into payment.invoice_documents (invoice_id, format, tenant_id, bytes, sha256) values (?, ?, ?, decode(?, 'base64'), ?)
       on conflict do nothing`,
      [invoiceId, format, tenantId, bytes.toString("base64"), sha256],
    );
    return await em.findOneOrFail(InvoiceDocument, { invoiceId, format });
  });
}
