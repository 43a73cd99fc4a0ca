import { messageOf } from "../config/errors.ts";
import type { Database } from "./database.ts";
import { keepPartitions, type Keep } from "./partitions.ts";
import { prune } from "./prune.ts";
import type { Log } from "./relay.ts";

const hour = 3_600_000;

/** What a schema's tables need now and then and no request asks for: months for what is to come, and the end of outdated rows. */
export class Chores {
  private readonly database: Database;
  private readonly keep: Keep;
  private readonly log: Log;
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;

  constructor(database: Database, keep: Keep, log: Log) {
    this.database = database;
    this.keep = keep;
    this.log = log;
  }

  /** Makes the months now, and does everything once an hour, at another minute on each node. */
  async start(): Promise<void> {
    await this.attempt("months", () => this.months());
    this.timer = setTimeout(() => this.pass(), hour * Math.random());
  }

  async stop(): Promise<void> {
    clearTimeout(this.timer);
    await this.running;
  }

  private pass(): void {
    this.timer = setTimeout(() => this.pass(), hour);
    this.running = this.attempt("months", () => this.months()).then(() =>
      this.attempt("outdated rows", async () => {
        const removed = await prune(this.database);
        if (removed) this.log.debug(`${removed} outdated rows of ${this.database.schema} removed`);
      }),
    );
  }

  private async months(): Promise<void> {
    for (const name of await keepPartitions(this.database, this.keep))
      this.log.info(`${this.database.schema}.${name} went to ${this.database.schema}_archive`);
  }

  /** What fails now is tried again in an hour; months are made long before they are needed. */
  private async attempt(what: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => this.log.warn(`${what} of ${this.database.schema}: ${messageOf(error)}`));
  }
}
