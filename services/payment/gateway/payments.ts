import { PaymentsController } from "@paypal/paypal-server-sdk";
import { formatAmount, type Money } from "../money.ts";
import { readAuthorization, readCapture, readRefund } from "./answer.ts";
import type { PayPalConnection } from "./connection.ts";
import type { AuthorizationView, CaptureView, Outcome, RefundView } from "./gateway.ts";

export interface NewRefund {
  /** What PayPal calls it by our wish; it refuses a second one of that name. */
  refundId: string;
  amount: Money;
  /** For the payer, at most 255 characters. */
  note: string | null;
}

export interface NewCapture {
  captureId: string;
  amount: Money;
  /** Whether nothing more is to be captured of the authorization. */
  final: boolean;
}

/** The door to what happens after an order: authorizations, captures, refunds. No method throws for what PayPal or a network does. */
export interface PaymentsGateway {
  /** For how long a request id makes a repeat harmless, in milliseconds. */
  readonly requestIdLifetimeMs: number;
  getCapture(id: string): Promise<Outcome<CaptureView>>;
  refund(captureId: string, refund: NewRefund, requestId: string): Promise<Outcome<RefundView>>;
  getRefund(id: string): Promise<Outcome<RefundView>>;
  getAuthorization(id: string): Promise<Outcome<AuthorizationView>>;
  capture(authorizationId: string, capture: NewCapture, requestId: string): Promise<Outcome<CaptureView>>;
  /** The answer is another authorization. */
  reauthorize(authorizationId: string, amount: Money, requestId: string): Promise<Outcome<AuthorizationView>>;
  void(authorizationId: string, requestId: string): Promise<Outcome<{ authorization: AuthorizationView | null }>>;
}

const prefer = "return=representation";
const day = 86_400_000;
const moneyOf = ({ amountMinor, currency }: Money) => ({ currencyCode: currency, value: formatAmount(amountMinor, currency) });

/** Through PayPal's SDK. Source: Payments v2, which remembers request ids for 45 days. */
export function paymentsGateway(connection: PayPalConnection): PaymentsGateway {
  const payments = new PaymentsController(connection.transport);
  return {
    requestIdLifetimeMs: 45 * day,
    getCapture: (captureId) => connection.ask((abortSignal) => payments.getCapturedPayment({ captureId }, { abortSignal }), readCapture),
    refund: (captureId, { refundId, amount, note }, paypalRequestId) => {
      const body = { amount: moneyOf(amount), invoiceId: refundId, ...(note !== null && { noteToPayer: note }) };
      return connection.ask(
        (abortSignal) => payments.refundCapturedPayment({ captureId, body, paypalRequestId, prefer }, { abortSignal }),
        readRefund,
      );
    },
    getRefund: (refundId) => connection.ask((abortSignal) => payments.getRefund({ refundId }, { abortSignal }), readRefund),
    getAuthorization: (authorizationId) =>
      connection.ask((abortSignal) => payments.getAuthorizedPayment({ authorizationId }, { abortSignal }), readAuthorization),
    capture: (authorizationId, { captureId, amount, final: finalCapture }, paypalRequestId) => {
      // A name of its own for each: PayPal refuses a second capture of the order's.
      const body = { amount: moneyOf(amount), invoiceId: captureId, finalCapture };
      return connection.ask(
        (abortSignal) => payments.captureAuthorizedPayment({ authorizationId, body, paypalRequestId, prefer }, { abortSignal }),
        readCapture,
      );
    },
    reauthorize: (authorizationId, amount, paypalRequestId) => {
      const body = { amount: moneyOf(amount) };
      return connection.ask(
        (abortSignal) => payments.reauthorizePayment({ authorizationId, body, paypalRequestId, prefer }, { abortSignal }),
        readAuthorization,
      );
    },
    void: (authorizationId, paypalRequestId) =>
      connection.ask(
        (abortSignal) => payments.voidPayment({ authorizationId, paypalRequestId, prefer }, { abortSignal }),
        // 204 without a body where PayPal ignores the preference.
        (body) => ({ authorization: readAuthorization(body) }),
      ),
  };
}
