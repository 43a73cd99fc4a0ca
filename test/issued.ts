import { randomUUID } from "node:crypto";
import type { Principal } from "../config/permissions.ts";
import { draftInvoice } from "../services/payment/invoices/drafts.ts";
import { issueInvoice } from "../services/payment/invoices/issue.ts";
import { writeSeller } from "../services/payment/seller/seller.ts";
import type { Till } from "../services/payment/till.ts";

const seller = { name: "Söhne GmbH", street: "Weg 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" };

/** An issued invoice, and who has issued it. */
export interface IssuedInvoice {
  who: Principal;
  id: string;
  number: string;
}

export interface Wish {
  prices?: "exclusive" | "inclusive";
  /** The buyer's; "" for none. */
  email?: string;
  currency?: string;
}

/** Issues invoices of 3 x 33.33 with 19 % tax, each of an organisation whose numbers nobody else at the one PayPal account has. */
export function invoicesOf(till: Pick<Till, "db">): (wish?: Wish) => Promise<IssuedInvoice> {
  let count = 0;
  return async ({ prices = "exclusive", email = "buyer@example.com", currency = "EUR" } = {}) => {
    const tenantId = randomUUID();
    const series = `S${++count}`;
    const who: Principal = { tenantId, subject: "user:test", userId: null, permissions: ["payment:write"] };
    const id = await till.db.tenant(tenantId, async (em) => {
      await writeSeller(em, tenantId, { ...seller, invoiceSeries: series });
      const draft = await draftInvoice(em, who, {
        ...{ currency, prices, items: [{ name: "Annual plan", quantity: 3, unitAmount: "33.33" }], customer: { country: "DE" } },
        buyer: { name: "Käufer AG", ...(email && { email }) },
      });
      await em.flush();
      return (await issueInvoice(em, draft.id, "user:test")).id;
    });
    return { who, id, number: `${series}-000001` };
  };
}
