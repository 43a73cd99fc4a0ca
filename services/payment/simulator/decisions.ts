import { unreadable } from "./replies.ts";

/** What PayPal decides about the next capture, authorization, refund or payment of a subscription, instead of completing it. */
export interface Decision {
  about: "capture" | "authorization" | "refund" | "renewal";
  /** capture: PENDING, DECLINED. authorization: PENDING, DENIED. refund: PENDING, FAILED. renewal: FAILED, PENDING. */
  status: "PENDING" | "DECLINED" | "DENIED" | "FAILED";
  /** Why, e.g. ECHECK or PENDING_REVIEW. */
  reason?: string;
  /** Only about this client's. */
  merchant?: string;
  /** Only about what belongs to the thing with this id: captures and authorizations to an order, refunds to a capture, renewals to a subscription. */
  id?: string;
  /** How many of them; one unless told otherwise. */
  times?: number;
}

const statuses: Record<Decision["about"], Decision["status"][]> = {
  capture: ["PENDING", "DECLINED"],
  authorization: ["PENDING", "DENIED"],
  refund: ["PENDING", "FAILED"],
  renewal: ["PENDING", "FAILED"],
};

/** A decision as a script sends it. @throws Refused that says what is wrong with it. */
export function readDecision(body: unknown): Decision {
  const decision = (body ?? {}) as Partial<Decision>;
  const allowed = decision.about && statuses[decision.about];
  if (!allowed) throw unreadable(`about must be one of ${Object.keys(statuses).join(", ")}`);
  if (!decision.status || !allowed.includes(decision.status))
    throw unreadable(`status of a ${decision.about} must be one of ${allowed.join(", ")}`);
  return decision as Decision;
}

/** The decisions that wait for their turn. */
export class Decisions {
  readonly #waiting: (Decision & { times: number })[] = [];

  add(decision: Decision): void {
    this.#waiting.push({ ...decision, times: decision.times ?? 1 });
  }

  /** The decision about this one, used up by asking. */
  take(about: Decision["about"], merchant: string, id: string | null): Decision | undefined {
    const index = this.#waiting.findIndex(
      (one) => one.about === about && (one.merchant ?? merchant) === merchant && (one.id === undefined || one.id === id),
    );
    const decision = this.#waiting[index];
    if (decision && --decision.times <= 0) this.#waiting.splice(index, 1);
    return decision;
  }
}
