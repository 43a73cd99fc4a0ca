import type { SchemaName } from "../config/names.ts";
import { messageOf } from "../config/errors.ts";
import { row, type Database } from "./database.ts";
import type { Log } from "./relay.ts";

/** The audit log's word to a service that it has acts of it, so that these need not be kept any longer. Its params: `{ ids }`. */
export const actsRecorded = (schema: SchemaName) => `acts.recorded.${schema}`;

const minutes = 60_000;
const lookMs = 10 * minutes;
const atOnce = 1_000;

/**
 * Keeps a service's acts until the audit log has them. They are published with the outbox; what JetStream has lost since (it acknowledges before it
 * syncs to its disk), or pushed out, goes there again. The log takes each of them once.
 */
export class ActKeeper {
  private readonly database: Database;
  private readonly log: Log;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<unknown> | undefined;

  constructor(database: Database, log: Log) {
    this.database = database;
    this.log = log;
  }

  /** Looks after ten minutes, each node at another moment. */
  start(): void {
    this.timer = setTimeout(() => this.look(), lookMs * (0.5 + Math.random()));
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  /** Forgets acts that the log has. */
  async confirm(ids: readonly string[]): Promise<void> {
    const { schema } = this.database;
    await this.database.system((em) =>
      em.execute(
        `delete from ${schema}.acts where id in (select value::uuid from json_array_elements_text(?::json))`,
        [JSON.stringify(ids)],
        "run",
      ),
    );
  }

  /** Publishes again what the log has not confirmed for so long, milliseconds. @returns how many */
  async resend(olderThanMs = lookMs): Promise<number> {
    const { schema } = this.database;
    const sent = await this.database.system((em) =>
      row<{ count: number }>(
        em,
        `with late as (
           select id, tenant_id, act from ${schema}.acts where created_at < now() - ? * interval '1 millisecond' order by id limit ${atOnce}
         ), sent as (
           insert into ${schema}.outbox (tenant_id, subject, message_id, payload)
           select tenant_id, 'act.${schema}', id::text, act from late
           where not exists (select 1 from ${schema}.outbox o where o.message_id = late.id::text) returning 1
         )
         select count(*)::int as count from sent`,
        [olderThanMs],
      ),
    );
    return sent?.count ?? 0;
  }

  private look(): void {
    this.timer = setTimeout(() => this.look(), lookMs);
    this.running = this.resend().then(
      (count) =>
        count && this.log.warn(`${count} acts of ${this.database.schema} were not confirmed by the audit log; they go there again`),
      (error: unknown) => this.log.warn(`acts of ${this.database.schema} were not looked through: ${messageOf(error)}`),
    );
  }
}
