import type { Till } from "../till.ts";

/** An event of PayPal's, verified and kept, as handlers get it. */
export interface PayPalEvent {
  /** PayPal's own, e.g. "WH-2WR32451HC0233532-67976317FL4543714". */
  id: string;
  /** The organisation whose PayPal account told it, or whose payment it names where the account is the platform's. */
  tenantId: string;
  /** E.g. "PAYMENT.CAPTURE.COMPLETED". */
  type: string;
  /** E.g. "capture", "checkout-order". */
  resourceType: string;
  /** As PayPal sent it. Old by the time it is read: look at PayPal before anything is decided by it. */
  resource: Record<string, unknown>;
  createdAt: Date;
}

/** done: nothing is left to do; waits: there is nothing yet that it could be matched with, try again later; ignored: it is none of ours. */
export type Handled = "done" | "waits" | "ignored";

/**
 * What an area does with its events. Called one at a time per payment, subscription or invoice, in no promised order, and again after a crash:
 * a second time has to change nothing. What it throws is tried again later.
 */
export type Handle = (till: Till, event: PayPalEvent) => Promise<Handled>;
