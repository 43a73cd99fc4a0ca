import { failureType, messageOf } from "../../config/errors.ts";
import type { ActorKind } from "../../mixins/actor.ts";
import { isFinal, jobById } from "./job.ts";
import { jobKind } from "./jobs.ts";
import { runJob, type Workshop } from "./run.ts";
import { announce } from "./state.ts";

/** The job actor: which letter makes it do what. */
export const jobActor = (workshop: Workshop, slots: number): ActorKind => ({
  kind: jobKind,
  slots,
  async receive(message, lease) {
    const { key: id, tenantId } = lease;
    const { status } = await workshop.database.tenant(tenantId, (em) => jobById(em, id));
    if (isFinal(status)) return;
    switch (message.type) {
      case "run":
        return await runJob(workshop, lease);
      case "pause":
        return (em) => announce(em, { id, tenantId }, "paused");
      case "cancel":
        return (em) => announce(em, { id, tenantId }, "cancelled");
      case "resume":
        if (status === "paused") await lease.commit((em) => announce(em, { id, tenantId }, "resumed"));
        return await runJob(workshop, lease);
      default:
        throw new Error(`A job has no use for a letter "${message.type}"`);
    }
  },
  async giveUp(_message, error, tenantId, id, em) {
    await announce(em, { id, tenantId }, "failed", { error: { type: failureType(error), message: messageOf(error) } });
  },
});
