import Type, { type Static } from "typebox";
import { strict } from "../../config/action.ts";
import { errors, failureType, messageOf } from "../../config/errors.ts";
import { bulk, rows, type Database } from "../database.ts";
import type { KeyContext, KeyManager } from "./keys.ts";

/** A table with a column that master keys wrap, beside `master_key_id`. The names are ours: they stand in the statement as they are. */
export interface WrappedTable {
  table: string;
  /** Column of the primary key, with its type. */
  id: string;
  idType: "uuid" | "text";
  /** Column with the wrapped bytes. */
  wrapped: string;
  /** SQL expression of the tenant in its context. */
  tenant: string;
  /** Rows that hold something; all when left out. */
  where?: string;
  context(tenantId: string, id: string): KeyContext;
}

/** Params of the actions that do it. */
export const rewrapParams = strict({
  after: Type.Optional(Type.String({ maxLength: 256, description: "Goes on after this row: `next` of the answer before." })),
  all: Type.Optional(
    Type.Boolean({
      description:
        "Also what the current master key has wrapped itself: of use when a key of Vault Transit got a new version, which keeps its name.",
    }),
  ),
});
export type RewrapWish = Static<typeof rewrapParams>;

export interface Rewrapped {
  rewrapped: number;
  /** Rows that no master key here opens; they stay as they are. */
  failed: { id: string; masterKeyId: string; message: string }[];
  /** Row to go on after; null when all is done. */
  next: string | null;
}

/** After this an answer says how to go on, milliseconds. */
const forMs = 5_000;
/** Rows of one transaction, and how many keys are asked for at the same time. */
const pageSize = 100;
const width = 8;

/**
 * Wraps by the current master key what others have wrapped, page by page and for some seconds; afterwards those may go. Safe at any time, twice, and beside
 * work: the keys themselves stay the same.
 * @throws VAULT_UNREACHABLE, VAULT_DENIED of the key manager; what is done stays done
 */
export async function rewrapTable(database: Database, manager: KeyManager, of: WrappedTable, wish: RewrapWish = {}): Promise<Rewrapped> {
  const { all = false } = wish;
  const until = Date.now() + forMs;
  const done: Rewrapped = { rewrapped: 0, failed: [], next: wish.after ?? null };
  do {
    const page = await database.system((em) =>
      rows<{ id: string; tenant: string; master: string; wrapped: Buffer }>(
        em,
        `select ${of.id}::text as id, (${of.tenant})::text as tenant, master_key_id as master, ${of.wrapped} as wrapped from ${of.table}
         where (${of.where ?? "true"}) and (?::boolean or master_key_id <> ?) and (?::text is null or ${of.id} > ?::${of.idType})
         order by ${of.id} limit ${pageSize}`,
        [all, manager.current, done.next, done.next],
      ),
    );
    const fresh: { id: string; old: string; master: string; wrapped: string }[] = [];
    const queue = page.values();
    let broken = false;
    const lane = async () => {
      for (const { id, tenant, master, wrapped } of queue) {
        if (broken) return;
        const context = of.context(tenant, id);
        try {
          const key = await manager.unwrap(master, wrapped, context);
          const again = await manager.wrap(key, context);
          key.fill(0);
          fresh.push({ id, old: wrapped.toString("hex"), master: again.keyId, wrapped: again.wrapped.toString("hex") });
        } catch (error) {
          if (failureType(error) !== "VAULT_KEY_UNUSABLE") {
            broken = true;
            throw error;
          }
          done.failed.push({ id, masterKeyId: master, message: messageOf(error) });
        }
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: width }, lane));
    const changed = await database.system((em) =>
      bulk(
        em,
        // A key that was destroyed or changed meanwhile stays as it is.
        `update ${of.table} t set master_key_id = r.master, ${of.wrapped} = decode(r.wrapped, 'hex')
         from json_to_recordset($1::json) as r(id ${of.idType}, old text, master text, wrapped text)
         where t.${of.id} = r.id and t.${of.wrapped} = decode(r.old, 'hex') returning 1`,
        [JSON.stringify(fresh)],
      ),
    );
    done.rewrapped += changed.length;
    for (const lane of lanes) if (lane.status === "rejected") throw lane.reason;
    done.next = page.length < pageSize ? null : page.at(-1)!.id;
    if (done.failed.length >= 1_000)
      throw errors.vaultKey(`A thousand rows of ${of.table} can't be opened; the first: ${done.failed[0]!.message}`);
  } while (done.next !== null && Date.now() < until);
  return done;
}
