/** Whose money it is: one of them. */
export interface Owner {
  paymentId: string | null;
  subscriptionId: string | null;
  /** Of an invoice that PayPal collects. */
  invoiceId: string | null;
}

/** The owner with the one id that is known; nobody without. */
export const ownedBy = (of: Partial<Owner> = {}): Owner => ({ paymentId: null, subscriptionId: null, invoiceId: null, ...of });
