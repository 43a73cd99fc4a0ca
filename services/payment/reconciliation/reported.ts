import type { CaptureView, RefundView } from "../gateway/gateway.ts";
import type { TransactionView } from "../gateway/search.ts";
import { formatAmount, type Money } from "../money.ts";

/** PayPal reports what takes from the balance as negative. */
export const absolute = (money: Money): Money => (money.amountMinor < 0n ? { ...money, amountMinor: -money.amountMinor } : money);

/** What PayPal's report says of a movement, where it is all that PayPal says; null when it does not say how much, or nothing moved. */
function reported(told: TransactionView | null) {
  if (!told?.amount || told.status === "P" || told.status === "D") return null;
  const { currency, ...amount } = absolute(told.amount);
  return {
    ...{ id: told.id, at: told.at, invoiceId: told.invoiceId, status: "COMPLETED", reason: null },
    ...{ amount: formatAmount(amount.amountMinor, currency), currency, net: null, settled: null },
  };
}

export function reportedRefund(told: TransactionView | null): RefundView | null {
  const moved = reported(told);
  return moved && { ...moved, captureId: told!.referenceId, total: null, fee: told!.fee };
}

export function reportedCapture(told: TransactionView | null): CaptureView | null {
  const moved = reported(told);
  return moved && { ...moved, final: true, authorizationId: null, fee: told!.fee && absolute(told!.fee) };
}
