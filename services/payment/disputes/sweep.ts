import { Dispute, type DisputeRow } from "../../../entities/Dispute.ts";
import { rows } from "../../../mixins/database.ts";
import type { Till } from "../till.ts";
import { lookAtDispute } from "./look.ts";
import { tellDispute, type Disputed } from "./record.ts";

/** So long before the end of the time to answer the organisation is reminded, first and again. */
const remindersMs = [3 * 86_400_000, 86_400_000];
/** After a look at PayPal that told nothing. */
const againMinutes = 15;

/** Reminds organisations of disputes that wait for them. @returns how many */
export async function remind({ db }: Till, now = new Date(), limit = 100): Promise<number> {
  return await db.system(async (em) => {
    const due = await rows<{ id: string }>(
      em,
      `select id from payment.disputes where state = 'open' and due_at > ? and (due_at < ? and reminders = 0 or due_at < ? and reminders = 1)
       order by due_at limit ? for update skip locked`,
      [now, ...remindersMs.map((ms) => new Date(now.getTime() + ms)), limit],
    );
    const disputes = await em.find(Dispute, { id: { $in: due.map(({ id }) => id) } });
    for (const dispute of disputes) {
      dispute.reminders = dispute.dueAt!.getTime() - now.getTime() < remindersMs[1]! ? 2 : 1;
      await tellDispute(em, dispute, "dispute.deadline");
    }
    return disputes.length;
  });
}

/** Reads open disputes anew that nothing was heard of for hours. @throws the first failure, after all were looked at */
export async function lookAtOpen(till: Till, signal?: AbortSignal, limit = 50): Promise<number> {
  const due = await till.db.system((em) =>
    rows<Disputed & Pick<DisputeRow, "paypalId">>(
      em,
      `update payment.disputes set next_check_at = now() + interval '${againMinutes} minutes'
       where id in (select id from payment.disputes where next_check_at <= now() order by next_check_at limit ? for update skip locked)
       returning tenant_id as "tenantId", paypal_id as "paypalId", account_id as "accountId", payment_id as "paymentId",
         subscription_id as "subscriptionId", invoice_id as "invoiceId"`,
      [limit],
    ),
  );
  const failures: unknown[] = [];
  await Promise.all(
    due.map(async ({ paypalId, ...disputed }) => {
      if (signal?.aborted) return;
      await lookAtDispute(till, disputed, paypalId).catch((error: unknown) => failures.push(error));
    }),
  );
  if (failures.length) throw failures[0];
  return due.length;
}
