import type { DomainEvent } from "../config/events.ts";
import { service, type Host } from "../config/service.ts";
import type { Subscription } from "../mixins/consumer.ts";
import type { Em } from "../mixins/database.ts";
import { jobsMixin, type WithJobs } from "../mixins/jobs.mixin.ts";
import { ormMixin } from "../mixins/orm.mixin.ts";

/** Where the taker's effects stand; made by the suite, beside the service's own tables. */
export const takenTable = `create table notification.taken (id bigint generated always as identity primary key, event_id uuid not null);
grant select, insert on notification.taken to legendo_notification`;

/** A service whose consumer writes one row per event after `work` has done its slow part. */
export const taker = (work: Subscription["work"], backoffMs: number[]) =>
  service<Host<WithJobs>>()({
    name: "taker",
    mixins: [jobsMixin("notification"), ormMixin("notification")],
    async started() {
      const commit = async (em: Em, { id }: DomainEvent) =>
        void (await em.execute(`insert into notification.taken (event_id) values (?)`, [id], "run"));
      await this.jobs.work({
        subscriptions: [{ name: "taker", type: "organisation.created", concurrency: 4, backoffMs, work: work!, commit }],
      });
    },
  });
