import { setTimeout as sleep } from "node:timers/promises";
import { failureType, messageOf } from "../../../config/errors.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import type { Log } from "../../../mixins/relay.ts";

/** How long a replica may take to come to where the primary stood when a read began, and how often it is asked, milliseconds. */
const patienceMs = 250;
const askMs = 10;
/** How long it may take to answer at all. */
const silenceMs = 1_000;
/** How long it is left alone after that was not enough, and after it failed. */
const lagRestMs = 1_000;
const failureRestMs = 3_000;

/**
 * Where the catalogue is listed, searched and compared: on a replica while there is one that keeps up, else on the primary. A read sees all that
 * was committed before it began, wherever it takes place: a caller finds what it has just written.
 */
export class CatalogueReader {
  private readonly primary: Database;
  private readonly replica: Database | undefined;
  private readonly log: Log;
  private restUntil = -Infinity;
  /** Why the replica is not read from; empty while it is, undefined before it was tried. */
  private why: string | undefined;

  constructor(primary: Database, replica: Database | undefined, log: Log) {
    this.primary = primary;
    this.replica = replica;
    this.log = log;
  }

  /** Runs `work`, which only reads, in one transaction of the tenant. It may be run a second time, when the replica goes away under it. */
  async tenant<T>(tenantId: string, work: (em: Em) => Promise<T>): Promise<T> {
    if (!this.replica || performance.now() < this.restUntil) return await this.primary.tenant(tenantId, work);
    try {
      return await this.onReplica(this.replica, tenantId, await endOf(this.primary), work);
    } catch (error) {
      if (!isTheReplicas(error)) throw error;
      this.restUntil = performance.now() + (error instanceof Behind ? lagRestMs : failureRestMs);
      this.tell(messageOf(error));
      return await this.primary.tenant(tenantId, work);
    }
  }

  async close(): Promise<void> {
    await this.replica?.close();
  }

  /** @throws Behind, what the replica's driver throws and what `work` throws */
  private async onReplica<T>(replica: Database, tenantId: string, end: string | undefined, work: (em: Em) => Promise<T>): Promise<T> {
    const silence = new AbortController();
    const begun = Promise.withResolvers<void>();
    const reading = replica.tenant(tenantId, async (em) => {
      await untilReplayed(em, end);
      silence.signal.throwIfAborted();
      this.tell("");
      begun.resolve();
      return await work(em);
    });
    reading.catch(() => {});
    const timer = setTimeout(() => {
      silence.abort();
      begun.reject(new Behind(`the replica has not answered for ${silenceMs} ms`));
    }, silenceMs);
    // A connection to a host that is gone is waited for by the minute.
    await Promise.race([begun.promise, reading]).finally(() => clearTimeout(timer));
    return await reading;
  }

  private tell(why: string): void {
    if (this.why === undefined || !this.why !== !why) {
      if (why) this.log.warn(`The catalogue is read from the primary: ${why}`);
      else this.log.info("The catalogue is read from the replica");
    }
    this.why = why;
  }
}

/** The replica lacks what the primary has. */
class Behind extends Error {}

/**
 * Where the primary's log ends that a commit has waited for. Undefined while the primary is away: nothing new is written then, and the
 * replica has what there is to be had.
 */
async function endOf(primary: Database): Promise<string | undefined> {
  try {
    return (await primary.nobody((em) => row<{ lsn: string }>(em, "select pg_current_wal_flush_lsn()::text as lsn")))?.lsn;
  } catch (error) {
    if (failureType(error) === "SERVICE_UNAVAILABLE") return undefined;
    throw error;
  }
}

/** Waits until the replica has replayed the log up to there. Each statement of a transaction sees what is replayed when it begins. @throws Behind */
async function untilReplayed(em: Em, end: string | undefined): Promise<void> {
  for (const begin = performance.now(); ; await sleep(askMs)) {
    const replica = await row<{ follows: boolean; there: boolean }>(
      em,
      // A server that was a replica once goes on telling how far it came.
      "select pg_is_in_recovery() as follows, pg_last_wal_replay_lsn() >= coalesce(?, '0/0')::pg_lsn as there",
      [end ?? null],
    );
    if (!replica?.follows) throw new Behind("what is configured as its replica is none");
    if (replica.there) return;
    if (performance.now() - begin > patienceMs) throw new Behind(`the replica is more than ${patienceMs} ms behind`);
  }
}

/** Away, behind, or the statement was in the way of what it had to replay (SQLSTATE 40001). */
const isTheReplicas = (error: unknown): boolean =>
  error instanceof Behind || failureType(error) === "SERVICE_UNAVAILABLE" || (error as { code?: unknown } | null)?.code === "40001";
