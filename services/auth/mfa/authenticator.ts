import { row, type Database, type Em } from "../../../mixins/database.ts";
import type { KeyContext, KeyManager } from "../../../mixins/vault/keys.ts";
import type { WrappedTable } from "../../../mixins/vault/rewrap.ts";
import { errors } from "../../../config/errors.ts";
import { makeSecret, stepOf } from "./totp.ts";

const contextOf = (userId: string): KeyContext => ({ tenantId: "cluster", purpose: `totp:${userId}` });

export const sealedSecrets = {
  table: "auth.totp_factors",
  id: "user_id",
  idType: "uuid",
  wrapped: "sealed_secret",
  tenant: "null",
  context: (_tenantId: string, userId: string) => contextOf(userId),
} as const satisfies WrappedTable;

/**
 * Makes a secret for a person's authenticator app. It counts once its first code was shown; until then another one takes its place.
 * @throws CONFLICT when there is an app already
 */
export async function beginAuthenticator(db: Database, keys: KeyManager, userId: string): Promise<Buffer> {
  const secret = makeSecret();
  const { keyId, wrapped } = await keys.wrap(secret, contextOf(userId));
  const stored = await db.system((em) =>
    row(
      em,
      `insert into auth.totp_factors as f (user_id, master_key_id, sealed_secret) values (?, ?, decode(?, 'hex'))
       on conflict (user_id) do update set master_key_id = excluded.master_key_id, sealed_secret = excluded.sealed_secret, created_at = now()
       where f.confirmed_at is null returning 1`,
      [userId, keyId, wrapped.toString("hex")],
    ),
  );
  if (!stored) throw errors.conflict("You have an authenticator app already; remove it first.");
  return secret;
}

/** A person's secret as it stands sealed, opened outside of any transaction: a key manager may be across a network. */
export interface OpenedSecret {
  secret: Buffer;
  /** What it was opened of: another one made meanwhile does not count. */
  sealed: Buffer;
}

/** @param confirmed whether it counts already @throws what the key manager throws */
export async function openSecret(db: Database, keys: KeyManager, userId: string, confirmed: boolean): Promise<OpenedSecret | undefined> {
  const stored = await db.system((em) =>
    row<{ master: string; sealed: Buffer }>(
      em,
      `select master_key_id as master, sealed_secret as sealed from auth.totp_factors where user_id = ? and (confirmed_at is not null) = ?`,
      [userId, confirmed],
    ),
  );
  return stored && { secret: await keys.unwrap(stored.master, stored.sealed, contextOf(userId)), sealed: stored.sealed };
}

/** Uses a code up; the first one makes the app count. @returns whether it fits and was not used before */
export async function useCode(em: Em, userId: string, { secret, sealed }: OpenedSecret, code: string): Promise<boolean> {
  const stored = await row<{ lastStep: number; now: number }>(
    em,
    `select last_step::float8 as "lastStep", extract(epoch from clock_timestamp()) * 1000 as now from auth.totp_factors
     where user_id = ? and sealed_secret = decode(?, 'hex') for update`,
    [userId, sealed.toString("hex")],
  );
  const step = stored && stepOf(secret, code, Number(stored.now), stored.lastStep);
  if (step === undefined) return false;
  await em.execute(
    `update auth.totp_factors set last_step = ?, confirmed_at = coalesce(confirmed_at, now()) where user_id = ?`,
    [step, userId],
    "run",
  );
  return true;
}

/** @returns whether there was one that counted */
export async function removeAuthenticator(em: Em, userId: string): Promise<boolean> {
  const removed = await row<{ counted: boolean }>(
    em,
    `delete from auth.totp_factors where user_id = ? returning confirmed_at is not null as counted`,
    [userId],
  );
  return removed?.counted ?? false;
}
