import type { AuthorizationStatus, CaptureStatus, PaymentStatus, RefundStatus } from "../../config/states.ts";

/** Money was taken, kept back or given back. */
const money = ["held", "partially_captured", "captured", "partially_refunded", "refunded"] as const;

/**
 * The moves a payment can make; a refused move changes nothing. What PayPal has taken it has taken: a payment that was thought to have failed is
 * captured when its money comes after all.
 */
const moves: Record<PaymentStatus, readonly PaymentStatus[]> = {
  created: ["review", "pending", "approved", "authorized", ...money, "failed"],
  review: ["created", "failed"],
  pending: ["approved", "authorized", ...money, "voided", "failed"],
  approved: ["pending", "authorized", ...money, "voided", "failed"],
  authorized: [...money, "voided", "failed"],
  held: ["authorized", "partially_captured", "captured", "partially_refunded", "refunded", "voided", "failed"],
  partially_captured: ["captured", "partially_refunded", "refunded"],
  captured: ["partially_refunded", "refunded"],
  partially_refunded: ["refunded"],
  refunded: [],
  voided: [],
  failed: ["authorized", ...money],
};
export const canMove = (from: PaymentStatus, to: PaymentStatus) => moves[from].includes(to);

/** What the sweeper looks at. What is authorized goes on when somebody captures or voids it, what is in review when somebody approves it. */
export const isWatched = (status: PaymentStatus) => status === "held" || ["created", "pending", "approved"].includes(status);

/** Whether `settle` has nothing left to do, not even a look. */
export const isOver = (status: PaymentStatus) => !isWatched(status) && status !== "authorized" && status !== "partially_captured";

/** State, what is said of it, the state then. PayPal's own words are in capitals; what a table does not name is refused. */
type Table<State extends string> = Record<State, Readonly<Record<string, State>>>;

const captureEnds = { COMPLETED: "completed", PARTIALLY_REFUNDED: "completed", REFUNDED: "completed" } as const;
/** PayPal's pages use DECLINED and DENIED for the same. */
const captureFails = { DECLINED: "declined", DENIED: "declined", FAILED: "declined" } as const;
/** `refused`: PayPal would not take it. */
export const captureTable: Table<CaptureStatus> = {
  requested: { PENDING: "pending", ...captureEnds, ...captureFails, refused: "failed" },
  pending: { ...captureEnds, ...captureFails },
  completed: {},
  declined: {},
  failed: {},
};

const refundEnds = { COMPLETED: "completed", FAILED: "failed", CANCELLED: "cancelled" } as const;
export const refundTable: Table<RefundStatus> = {
  requested: { PENDING: "pending", ...refundEnds, refused: "failed" },
  pending: refundEnds,
  completed: {},
  failed: {},
  cancelled: {},
};

const authorizationEnds = { CAPTURED: "captured", VOIDED: "voided", EXPIRED: "expired", DENIED: "denied" } as const;
/** `elapsed`: its time is over; `reauthorized`: another one stands for it. */
export const authorizationTable: Table<AuthorizationStatus> = {
  pending: { CREATED: "created", PARTIALLY_CAPTURED: "partially_captured", ...authorizationEnds, elapsed: "expired" },
  created: { PARTIALLY_CAPTURED: "partially_captured", ...authorizationEnds, elapsed: "expired", reauthorized: "replaced" },
  partially_captured: { ...authorizationEnds, elapsed: "expired", reauthorized: "replaced" },
  captured: {},
  denied: {},
  voided: {},
  expired: {},
  replaced: {},
};

/** The state after what was said; null when it changes nothing. */
export const after = <State extends string>(table: Table<State>, from: State, said: string): State | null => table[from][said] ?? null;

/** The state of something that PayPal tells of for the first time; null for a word that nobody here knows. */
export const firstCapture = (said: string) => after(captureTable, "requested", said);
export const firstRefund = (said: string) => after(refundTable, "requested", said);
export const firstAuthorization = (said: string): AuthorizationStatus | null =>
  said === "PENDING" ? "pending" : after(authorizationTable, "pending", said);
