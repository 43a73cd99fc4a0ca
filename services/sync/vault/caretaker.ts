import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import type { Log } from "../../../mixins/relay.ts";
import { tenantsWithOldKeys } from "../rekey.ts";
import { queueUpkeep, type UpkeepKind } from "../upkeep.ts";

/** Upkeep that every vault gets by itself, and how often. At 3 % a day each object is read back about every month. */
const care = [
  { kind: "collect", days: 7, options: {} },
  { kind: "verify", days: 1, options: { share: 3 } },
  { kind: "expire", days: 1, options: {} },
] as const satisfies { kind: UpkeepKind; days: number; options: Record<string, unknown> }[];

/** Between two looks, milliseconds; the first comes at a random part of it, so that nodes don't look together. */
const lookMs = 10 * 60_000;
/** Jobs that one look queues per kind. */
const handful = 100;

/** Queues upkeep that is due, as long as the node runs. */
export class Caretaker {
  private readonly database: Database;
  private readonly log: Log;
  private readonly over = new AbortController();
  private caring: Promise<void> | undefined;

  constructor(database: Database, log: Log) {
    this.database = database;
    this.log = log;
  }

  start(): void {
    this.caring = this.care();
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.caring;
  }

  private async care(): Promise<void> {
    const { signal } = this.over;
    for (let next = Math.random() * lookMs; ; next = lookMs) {
      await pause(next, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await queueDue(this.database).catch((error: unknown) =>
        this.log.warn(`upkeep could not be queued, trying again: ${messageOf(error)}`),
      );
    }
  }
}

/** Queues the upkeep that is due at this moment, of all tenants. Of several nodes that do so at once one does it. @returns how many jobs */
export async function queueDue(database: Database): Promise<number> {
  return await database.system(async (em) => {
    const lock = await row<{ mine: boolean }>(em, `select pg_try_advisory_xact_lock(hashtextextended('upkeep of all vaults', 0)) as mine`);
    if (!lock?.mine) return 0;
    let queued = 0;
    for (const { kind, days, options } of care) {
      for (const tenantId of await due(em, kind, days)) {
        await queueUpkeep(em, caretaker(tenantId), kind, options);
        queued++;
      }
    }
    // Old keys that nothing is wrapped by any more are to be destroyed.
    for (const tenantId of await tenantsWithOldKeys(em)) {
      await queueUpkeep(em, caretaker(tenantId), "rekey");
      queued++;
    }
    return queued;
  });
}

const caretaker = (tenantId: string) => ({ tenantId, userId: null, subject: "service:sync" });

/**
 * Tenants whose last job of the kind, or whose first key, is older than so many days, and that have none under way. Of shredded vaults only
 * those that still hold something, to be cleared away the same day.
 */
async function due(em: Em, kind: UpkeepKind, days: number): Promise<string[]> {
  const found = await rows<{ id: string }>(
    em,
    `select k.tenant_id as id from (
       select tenant_id, min(created_at) as since, bool_and(state = 'destroyed') as shredded from sync.tenant_keys group by tenant_id
     ) k cross join lateral (select case when k.shredded then 1 else ? end * interval '1 day' as every) e
     where case when k.shredded then ? = 'collect' and exists (select 1 from sync.packs p where p.tenant_id = k.tenant_id)
                else k.since < now() - e.every end
       and not exists (select 1 from sync.sync_jobs j where j.tenant_id = k.tenant_id and j.kind = ? and j.created_at > now() - e.every)
       and not exists (select 1 from sync.sync_jobs j where j.tenant_id = k.tenant_id and j.kind = ?
                       and j.status in ('waiting', 'queued', 'planning', 'awaiting_approval', 'running', 'paused'))
     limit ${handful}`,
    [days, kind, kind, kind],
  );
  return found.map(({ id }) => id);
}
