import { messageOf } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Log } from "../../../mixins/relay.ts";
import { makeCheckpoint, publishCheckpoints, type Outlet } from "./checkpoint.ts";
import type { AuditKeys } from "./keys.ts";

/** Sees to it that the chains' states leave the database: every so many seconds, and after so many records of this node. */
export class Checkpointer {
  private readonly work: () => Promise<{ covered: number; published: number }>;
  private readonly rowLimit: number;
  private readonly log: Log;
  private readonly timer: NodeJS.Timeout;
  private counted = 0;
  private running: Promise<{ covered: number; published: number }> | undefined;

  constructor(
    of: { db: Database; keys: AuditKeys; cluster: string; outlets: readonly Outlet[] },
    every: { seconds: number; rows: number },
    log: Log,
  ) {
    this.work = async () => {
      let covered = 0;
      for (let made: number; (made = await makeCheckpoint(of.db, of.keys, of.cluster)); covered += made);
      return { covered, published: await publishCheckpoints(of.db, of.outlets) };
    };
    this.rowLimit = every.rows;
    this.log = log;
    this.timer = setInterval(() => this.attempt(), every.seconds * 1_000);
  }

  /** To be told how many records were appended here. */
  appended(records: number): void {
    this.counted += records;
    if (this.counted >= this.rowLimit) this.attempt();
  }

  /** One at a time on this node; who asks meanwhile gets the answer of the one that runs. @throws what the places throw; the next attempt goes on there */
  now(): Promise<{ covered: number; published: number }> {
    this.counted = 0;
    return (this.running ??= this.work().finally(() => (this.running = undefined)));
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running?.catch(() => undefined);
  }

  private attempt(): void {
    this.now().catch((error: unknown) =>
      this.log.warn(`a checkpoint of the audit log was not published, trying again: ${messageOf(error)}`),
    );
  }
}
