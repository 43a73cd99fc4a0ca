import { Subscription } from "../../../entities/Subscription.ts";
import type { Till } from "../till.ts";
import { alone } from "./alone.ts";
import { takeUpCapture } from "./capture.ts";
import { submit } from "./create.ts";
import { gatewayOf, look } from "./look.ts";
import { takeUp } from "./moves.ts";

/**
 * Looks at the subscriptions that are due: answers that were lost, next payments that have passed, trials that PayPal told wrong.
 * @param signal ends it after the one that is being looked at
 * @returns how many were looked at
 * @throws the first failure, after all were looked at
 */
export async function sweepSubscriptions(till: Till, limit: number, signal?: AbortSignal): Promise<number> {
  const now = new Date();
  const free = { $or: [{ claimedUntil: null }, { claimedUntil: { $lt: now } }] };
  const due = await till.db.system((em) =>
    em.find(Subscription, { nextCheckAt: { $lte: now }, ...free }, { orderBy: { nextCheckAt: "asc" }, limit, fields: ["id"] }),
  );
  const failures: unknown[] = [];
  for (const { id } of due) {
    if (signal?.aborted) break;
    // One organisation's trouble, credentials that are gone for instance, does not hold up the others' subscriptions.
    await lookAt(till, id).catch((error: unknown) => failures.push(error));
  }
  if (failures.length) throw failures[0];
  return due.length;
}

/** Looks at one, and takes up what was asked for it without an answer. Nothing when another one works on it. */
async function lookAt(till: Till, id: string): Promise<void> {
  await alone(till.db, "subscriptions", id, 0, async (claim) => {
    const subscription = await till.db.system((em) => em.findOneOrFail(Subscription, { id }));
    const gateway = await gatewayOf(till, subscription.tenantId);
    // A refusal stands in the row; the sweeper has nobody to tell it.
    if (!subscription.paypalSubscriptionId) return void (await submit(till, gateway, subscription, claim).catch(ignoreRefusal));
    const seen = await look(till, gateway, subscription, claim);
    if (seen.answer.outcome !== "ok") return;
    await takeUp(till, gateway, seen.subscription, claim);
    await takeUpCapture(till, gateway, seen.subscription);
  });
}

const ignoreRefusal = (error: unknown) => {
  if (((error as { code?: number }).code ?? 500) >= 500) throw error;
};
