import { errors, failureType, messageOf } from "../config/errors.ts";
import { leaseMs, type ActorKind, type Held, type Lease } from "./actor.ts";
import type { Database, Em } from "./database.ts";
import * as mailbox from "./mailbox.ts";
import type { Log } from "./relay.ts";

/** Starts without any progress after which a message is given up. */
const maxAttempts = 12;
/** Pause after a start that failed. */
const retryMs = 1_000;

/**
 * An actor that this node works on. An effect, the mailbox's progress and the lease commit together under the epoch, so that an owner that
 * was paused or cut off and wakes up later can change nothing.
 */
export class Ownership implements Held {
  readonly key: string;
  readonly tenantId: string;
  readonly since = Date.now();
  /** Takes no slot, and handles quick letters only. */
  readonly beside: boolean;
  crowded = false;
  private readonly database: Database;
  private readonly kind: ActorKind;
  private readonly log: Log;
  private readonly epoch: number;
  private readonly controller = new AbortController();
  private stopping = false;

  constructor(database: Database, kind: ActorKind, log: Log, claimed: mailbox.Claimed, beside: boolean) {
    this.database = database;
    this.kind = kind;
    this.log = log;
    this.key = claimed.key;
    this.tenantId = claimed.tenantId;
    this.epoch = claimed.epoch;
    this.beside = beside;
  }

  /** Makes a running handler leave. */
  stop(): void {
    this.stopping = true;
    this.controller.abort(new Error("the node stops"));
  }

  /** Works off the mailbox. @returns whether letters are left that another node may go on with at once */
  async work(): Promise<boolean> {
    const { key, epoch, beside } = this;
    const { schema } = this.database;
    const heartbeat = this.keepAlive();
    try {
      return await this.drain();
    } catch (error) {
      const type = failureType(error);
      const yielded = type === "LEASE_YIELDED";
      const pauseMs = yielded || this.stopping ? 0 : retryMs;
      await this.database
        .system((em) => (yielded ? mailbox.makeRoom(em, schema, key, epoch) : mailbox.release(em, schema, key, epoch, pauseMs)))
        .catch(() => {});
      if (pauseMs && type !== "LEASE_LOST") this.log.warn(`${this.kind.kind} ${key} interrupted, starting again: ${messageOf(error)}`);
      return !pauseMs;
    } finally {
      clearInterval(heartbeat);
      const { queue } = this.kind;
      if (queue && !beside) await this.database.system((em) => queue.left(em, this)).catch(() => {});
    }
  }

  /** Renews the lease. When the database can't be asked until it has run out, it counts as lost. */
  private keepAlive(): NodeJS.Timeout {
    let held = Date.now();
    return setInterval(() => {
      const asked = Date.now();
      this.database
        .system((em) => mailbox.renew(em, this.database.schema, this.key, this.epoch, leaseMs))
        .then((mine) => {
          if (mine) held = asked;
          else this.controller.abort(errors.fenced("Another node has taken over."));
        })
        .catch(() => {
          if (Date.now() - held > leaseMs) this.controller.abort(errors.fenced("The lease could not be renewed in time."));
        });
    }, leaseMs / 3);
  }

  private async drain(): Promise<boolean> {
    const { schema } = this.database;
    const { key, epoch, beside } = this;
    const { quick = [] } = this.kind;
    for (;;) {
      this.controller.signal.throwIfAborted();
      const message = await this.guarded(async (em) =>
        beside && !(await mailbox.hasLetter(em, schema, key, quick)) ? undefined : await mailbox.nextMessage(em, schema, key),
      );
      if (message) await this.handle(message);
      else if (await this.database.system((em) => mailbox.releaseIdle(em, schema, key, epoch))) return false;
      else if (beside) {
        await this.database.system((em) => mailbox.release(em, schema, key, epoch, 0));
        return true;
      }
    }
  }

  private async handle(message: mailbox.Message): Promise<void> {
    const { schema } = this.database;
    const { key, tenantId, controller } = this;
    let committed = false;
    const lease: Lease = {
      key,
      messageId: message.id,
      tenantId,
      signal: controller.signal,
      commit: (work) =>
        this.guarded(async (em) => {
          if (!committed) await mailbox.forgiveAttempts(em, schema, message.id);
          committed = true;
          return await work(em);
        }),
      waiting: () => this.database.tenant(tenantId, (em) => mailbox.waitingTypes(em, schema, key, message.id)),
      crowded: () => this.crowded,
    };
    try {
      const effect = await this.kind.receive(message, lease);
      await this.guarded(async (em) => {
        await effect?.(em);
        await mailbox.finish(em, schema, key, message.id);
      });
    } catch (error) {
      const leaves = /^LEASE_(LOST|YIELDED)$/.test(failureType(error));
      if (controller.signal.aborted || leaves || message.attempts < maxAttempts) throw error;
      this.log.error(
        `${this.kind.kind} ${key}: gave up on "${message.type}" after ${message.attempts} starts without progress: ${messageOf(error)}`,
      );
      await this.guarded(async (em) => {
        await this.kind.giveUp(message, error, tenantId, key, em);
        await mailbox.finish(em, schema, key, message.id);
      });
    }
  }

  private guarded<T>(work: (em: Em) => Promise<T>): Promise<T> {
    return this.database.tenant(this.tenantId, async (em) => {
      this.controller.signal.throwIfAborted();
      const result = await work(em);
      // The fence comes last: it locks the actor's row until the commit, and an actor that works in several lanes would do all its work
      // behind that lock. A fenced owner's work is rolled back just the same.
      if (!(await mailbox.renew(em, this.database.schema, this.key, this.epoch, leaseMs)))
        throw errors.fenced("Another node has taken over.");
      return result;
    });
  }
}
