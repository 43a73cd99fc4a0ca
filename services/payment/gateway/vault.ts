import { PaypalPaymentTokenUsageType, VaultController, VaultTokenRequestType } from "@paypal/paypal-server-sdk";
import { idAndStatus, linkOf } from "./answer.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Outcome } from "./gateway.ts";

export interface SetupView {
  id: string;
  /** PayPal's word: PAYER_ACTION_REQUIRED, APPROVED or VAULTED. */
  status: string;
  approvalUrl: string | null;
}

/** A way to pay that PayPal keeps. */
export interface TokenView {
  id: string;
  /** The account's address, in full. */
  email: string | null;
}

/** The door to PayPal's vault. No method throws for what PayPal or a network does. Source: Vault v3, which remembers request ids for three hours. */
export interface VaultGateway {
  setup(of: { returnUrl: string; cancelUrl: string }, requestId: string): Promise<Outcome<SetupView>>;
  save(setupId: string, requestId: string): Promise<Outcome<TokenView>>;
  remove(vaultId: string): Promise<Outcome<true>>;
}

type Json = Record<string, unknown>;
const record = (value: unknown): Json => (typeof value === "object" && value !== null ? (value as Json) : {});

function readSetup(body: unknown): SetupView | null {
  const known = idAndStatus(body);
  return known && { ...known, approvalUrl: linkOf(body, "approve") };
}

function readToken(body: unknown): TokenView | null {
  const { id, payment_source } = record(body);
  const email = record(record(payment_source)["paypal"])["email_address"];
  return typeof id === "string" && id !== "" ? { id, email: typeof email === "string" ? email : null } : null;
}

export function vaultGateway(connection: PayPalConnection): VaultGateway {
  const vault = new VaultController(connection.transport);
  return {
    setup: (experienceContext, paypalRequestId) => {
      const paypal = { usageType: PaypalPaymentTokenUsageType.Merchant, experienceContext };
      return connection.ask(
        (abortSignal) => vault.createSetupToken({ body: { paymentSource: { paypal } }, paypalRequestId }, { abortSignal }),
        readSetup,
      );
    },
    save: (id, paypalRequestId) => {
      const token = { id, type: VaultTokenRequestType.SetupToken };
      return connection.ask(
        (abortSignal) => vault.createPaymentToken({ body: { paymentSource: { token } }, paypalRequestId }, { abortSignal }),
        readToken,
      );
    },
    remove: (id) =>
      connection.ask(
        (abortSignal) => vault.deletePaymentToken(id, { abortSignal }),
        () => true,
      ),
  };
}
