import { createHash } from "node:crypto";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import type { AuditKeys } from "./keys.ts";
import { canonical } from "./record.ts";

/** How far a tenant's chain had got, and its hash there. */
export interface Covered {
  tenantId: string;
  position: number;
  /** Hexadecimal. */
  hash: string;
}

/** The state of all chains that have grown since the checkpoint before, signed. */
export interface Checkpoint {
  version: 1;
  cluster: string;
  /** From 1, without gaps. */
  number: number;
  /** ISO 8601. */
  at: string;
  /** SHA-256 of the checkpoint before, hexadecimal; null for the first. */
  previous: string | null;
  chains: Covered[];
  /** Raw Ed25519 public key and signature of the canonical form of all other members, base64url. */
  key: string;
  signature: string;
}

/** Chains of one checkpoint: NATS carries a megabyte at most. */
const chainsAtOnce = 2_000;

export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * Makes the next checkpoint of up to 2,000 chains, if any has grown. It is stored, and published from there. Chains to which somebody appends at
 * this moment wait for the next one: they are not made to wait.
 * @returns how many chains it covers
 */
export async function makeCheckpoint(db: Database, keys: AuditKeys, cluster: string): Promise<number> {
  return await db.system(async (em) => {
    if (!(await isAlone(em))) return 0;
    const chains = await rows<Covered>(
      em,
      `with grown as (
         select tenant_id from auth.audit_chains where checkpointed < position order by tenant_id limit ${chainsAtOnce} for update skip locked
       )
       update auth.audit_chains c set checkpointed = position from grown g where c.tenant_id = g.tenant_id
       returning c.tenant_id as "tenantId", position::float8 as position, encode(hash, 'hex') as hash`,
    );
    if (!chains.length) return 0;
    const last = await row<{ number: number; text: string }>(
      em,
      `select number::float8 as number, text from auth.audit_checkpoints order by number desc limit 1`,
    );
    const body = {
      version: 1 as const,
      cluster,
      number: (last?.number ?? 0) + 1,
      at: new Date().toISOString(),
      previous: last ? digestOf(last.text) : null,
      chains: chains.sort((a, b) => (a.tenantId < b.tenantId ? -1 : 1)),
      key: keys.publicKey,
    };
    const text = canonical({ ...body, signature: keys.sign(canonical(body)) });
    await em.execute(`insert into auth.audit_checkpoints (number, text) values (?, ?)`, [body.number, text], "run");
    return chains.length;
  });
}

/** A place outside of the database where checkpoints are kept. */
export interface Outlet {
  put(number: number, text: string): Promise<void>;
}

const publishedAtOnce = 20;

/** Publishes what was not published yet, in order, at every place. A node that dies on the way leaves it to the next; twice is harmless. */
export async function publishCheckpoints(db: Database, outlets: readonly Outlet[]): Promise<number> {
  let published = 0;
  for (;;) {
    const waiting = await db.system((em) =>
      rows<{ number: number; text: string }>(
        em,
        `select number::float8 as number, text from auth.audit_checkpoints where published_at is null order by number limit ${publishedAtOnce}`,
      ),
    );
    for (const { number, text } of waiting) {
      await Promise.all(outlets.map((outlet) => outlet.put(number, text)));
      await db.system((em) =>
        em.execute(`update auth.audit_checkpoints set published_at = coalesce(published_at, now()) where number = ?`, [number], "run"),
      );
      published++;
    }
    if (waiting.length < publishedAtOnce) return published;
  }
}

const isAlone = async (em: Em): Promise<boolean> =>
  (await row<{ mine: boolean }>(em, `select pg_try_advisory_xact_lock(hashtext('auth audit checkpoint')) as mine`))?.mine === true;
