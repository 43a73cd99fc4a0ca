import { Subscription } from "../../../entities/Subscription.ts";
import { sweepDue } from "../due.ts";
import type { Till } from "../till.ts";
import { alone } from "./alone.ts";
import { takeUpCapture } from "./capture.ts";
import { submit } from "./create.ts";
import { ignoreRefusal } from "./issues.ts";
import { gatewayOf, look } from "./look.ts";
import { takeUp } from "./moves.ts";
import { takeUpRefund } from "./refund.ts";

/** Looks at the subscriptions that are due: answers that were lost, next payments that have passed, trials that PayPal told wrong. See `sweepDue`. */
export const sweepSubscriptions = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "subscriptions", limit, (id) => lookAt(till, id), signal);

/** Looks at one, and takes up what was asked for it without an answer. Nothing when another one works on it. */
async function lookAt(till: Till, id: string): Promise<void> {
  await alone(till.db, "subscriptions", id, 0, async (claim) => {
    const subscription = await till.db.system((em) => em.findOneOrFail(Subscription, { id }));
    const gateway = await gatewayOf(till, subscription);
    if (!subscription.paypalSubscriptionId) return void (await submit(till, gateway, subscription, claim).catch(ignoreRefusal));
    const seen = await look(till, gateway, subscription, claim);
    if (seen.answer.outcome !== "ok") return;
    await takeUp(till, gateway, seen.subscription, claim);
    await takeUpCapture(till, gateway, seen.subscription);
    await takeUpRefund(till, seen.subscription);
  });
}
