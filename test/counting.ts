import { setTimeout as sleep } from "node:timers/promises";
import type { ActorKind, Lease } from "../mixins/actor.ts";
import { failureType } from "../config/errors.ts";
import type { Em } from "../mixins/database.ts";

/** Where counting actors leave their effects; made by the suite, beside the service's own tables. */
export const effectsTable = `create table sync.effects (
  id bigint generated always as identity primary key, key text not null, n int not null, owner text not null, at timestamptz not null default clock_timestamp()
);
grant select, insert on sync.effects to legendo_sync`;

/** What a worker tells of its letters: it has begun one, or it came too late to commit its effect. */
export interface Heard {
  what: "began" | "fenced";
  owner: string;
  key: string;
  n: number;
}

/** An actor whose letters each work for a while and then write one row. Its state is what happened, in order. */
export function counting(kind: string, owner: string, slots: number, heard: (report: Heard) => void = () => {}): ActorKind {
  const write = (em: Em, key: string, n: number) =>
    em.execute(`insert into sync.effects (key, n, owner) values (?, ?, ?)`, [key, n, owner], "run");
  return {
    kind,
    slots,
    async receive(message, lease: Lease) {
      const { key } = lease;
      const { n, ms } = message.body as { n: number; ms: number };
      heard({ what: "began", owner, key, n });
      if (message.type === "fail") throw new Error("this letter fails whatever is done");
      await sleep(ms, undefined, { signal: lease.signal });
      // An effect of its own transaction, as a job's batches are: the letter itself is finished by another.
      if (message.type === "two steps") {
        await lease
          .commit((em) => write(em, key, n))
          .catch((error: unknown) => {
            if (failureType(error) === "LEASE_LOST") heard({ what: "fenced", owner, key, n });
            throw error;
          });
        return;
      }
      return async (em) => void (await write(em, key, n));
    },
    async giveUp(message, _error, _tenantId, key, em) {
      await write(em, key, -message.attempts);
    },
  };
}
