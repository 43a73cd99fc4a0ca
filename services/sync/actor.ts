import { failureType, messageOf } from "../../config/errors.ts";
import type { ActorKind, Queue } from "../../mixins/actor.ts";
import { isFinal, jobById } from "./job.ts";
import { jobKind } from "./creating.ts";
import { load, type Workshop } from "./load.ts";
import { runJob } from "./run.ts";
import { confirmPlan } from "./planning.ts";
import { announce } from "./state.ts";

/** The job actor: which letter makes it do what. */
export const jobActor = (workshop: Workshop, slots: number, queue: Queue): ActorKind => ({
  kind: jobKind,
  slots,
  queue,
  quick: ["pause", "cancel"],
  async receive(message, lease) {
    const { key: id, tenantId } = lease;
    const job = { id, tenantId };
    const { status } = await workshop.database.tenant(tenantId, (em) => jobById(em, id));
    if (isFinal(status)) return;
    switch (message.type) {
      case "run":
        return status === "awaiting_approval" ? undefined : await runJob(workshop, lease);
      case "pause":
        return (em) => announce(em, job, "paused");
      case "cancel":
        return (em) => announce(em, job, "cancelled");
      case "resume":
        if (status === "paused") await lease.commit((em) => announce(em, job, "resumed"));
        return await runJob(workshop, lease);
      case "approve": {
        if (status === "awaiting_approval") {
          try {
            await confirmPlan(workshop, lease, await load(workshop, lease));
          } catch (error) {
            if (failureType(error) !== "PLAN_STALE") throw error;
            return (em) => announce(em, job, "failed", { error: { type: failureType(error), message: messageOf(error) } });
          }
          const { by } = message.body as { by: string };
          await lease.commit((em) => announce(em, job, "approved", { approvedBy: by }));
        }
        return await runJob(workshop, lease);
      }
      default:
        throw new Error(`A job has no use for a letter "${message.type}"`);
    }
  },
  async giveUp(_message, error, tenantId, id, em) {
    await announce(em, { id, tenantId }, "failed", { error: { type: failureType(error), message: messageOf(error) } });
  },
});
