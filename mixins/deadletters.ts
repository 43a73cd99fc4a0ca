import { actionOf, caller, strict, uuid } from "../config/action.ts";
import type { Host } from "../config/service.ts";
import { rows } from "./database.ts";
import type { WithJobs } from "./jobs.mixin.ts";
import { isoTime } from "./page.ts";

export interface DeadLetterView {
  id: string;
  consumer: string;
  eventType: string;
  attempts: number;
  errorType: string;
  errorMessage: string;
  createdAt: string;
}

const action = actionOf<Host<WithJobs>>();

/** What every service with durable work offers its operators. */
export const deadLetterActions = {
  deadletters: action({
    description: "Lists up to a hundred events that a consumer of this service gave up on and that nobody has replayed yet, newest first.",
    permission: "internal",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<DeadLetterView[]> {
      const { schema } = this.db;
      return await this.db.tenant(caller(ctx).tenantId, (em) =>
        rows<DeadLetterView>(
          em,
          `select id, consumer, event->>'type' as "eventType", attempts, error_type as "errorType", error_message as "errorMessage", ${isoTime("created_at")} as "createdAt"
           from ${schema}.dead_letters where replayed_at is null order by created_at desc limit 100`,
        ),
      );
    },
  }),
  replay: action({
    description: "Handles a dead letter again, now; it stays a dead letter when that fails.",
    permission: "internal",
    audit: { act: "deadletter.replayed", object: "deadletter:id" },
    params: strict({ id: uuid("The dead letter.") }),
    async handler(ctx): Promise<{ replayed: true }> {
      await this.jobs.replay(caller(ctx).tenantId, ctx.params.id);
      return { replayed: true };
    },
  }),
};
