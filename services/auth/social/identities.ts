import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";
import { noPassword } from "../passwords/hash.ts";
import type { Claimed } from "./provider.ts";

/** What one person may have. */
const most = 20;

/** A way to sign in by another provider, as its owner sees it. Times are ISO 8601. */
export interface ShownIdentity {
  id: string;
  provider: string;
  issuer: string;
  email: string | null;
  createdAt: string;
  lastUsedAt: string | null;
}

const shown = `id, provider, issuer, email, ${isoTime("created_at")} as "createdAt", ${isoTime("last_used_at")} as "lastUsedAt"`;

/** Newest first. */
export const listIdentities = (em: Em, userId: string): Promise<ShownIdentity[]> =>
  rows<ShownIdentity>(em, `select ${shown} from auth.identities where user_id = ? order by id desc`, [userId]);

/** Whose it is; undefined for nobody's. Notes the use. */
export async function ownerOf(em: Em, { issuer, subject, email }: Claimed): Promise<string | undefined> {
  const known = await row<{ userId: string }>(
    em,
    `update auth.identities set last_used_at = now(), email = ? where issuer = ? and subject = ? returning user_id as "userId"`,
    [email, issuer, subject],
  );
  return known?.userId;
}

/** @throws IDENTITY_TAKEN when it is somebody's already, CONFLICT for one too many */
export async function linkIdentity(em: Em, userId: string, provider: string, { issuer, subject, email }: Claimed): Promise<ShownIdentity> {
  const linked = await row<ShownIdentity>(
    em,
    `insert into auth.identities (id, user_id, provider, issuer, subject, email, last_used_at) values (?, ?, ?, ?, ?, ?, now())
     on conflict do nothing returning ${shown}`,
    [uuidv7(), userId, provider, issuer, subject, email],
  );
  if (!linked) throw errors.identityTaken("This account at the provider belongs to an account here already.", { provider });
  const count = await row<{ count: number }>(em, `select count(*)::int as count from auth.identities where user_id = ?`, [userId]);
  if (count!.count > most) throw errors.conflict(`A person can have ${most} of these; remove one first.`);
  return linked;
}

/** @returns id of the provider @throws IDENTITY_NOT_FOUND, also for another person's; LAST_WAY_IN */
export async function unlinkIdentity(em: Em, userId: string, id: string): Promise<string> {
  const removed = await row<{ provider: string }>(em, `delete from auth.identities where id = ? and user_id = ? returning provider`, [
    id,
    userId,
  ]);
  if (!removed) throw errors.identityNotFound("There is no such link to a provider.", { id });
  await mustHaveWayIn(em, userId);
  return removed.provider;
}

/** Keeps a person from shutting themselves out: called after something was taken away, in the same transaction. @throws LAST_WAY_IN */
export async function mustHaveWayIn(em: Em, userId: string): Promise<void> {
  // The lock: two that are taken away at once each see the other as what is left.
  await em.execute(`select 1 from auth.users where id = ? for update`, [userId]);
  const left = await row<{ ways: number }>(
    em,
    `select (u.password_hash <> ?)::int + (select count(*) from auth.passkeys p where p.user_id = u.id)::int
          + (select count(*) from auth.identities i where i.user_id = u.id)::int as ways from auth.users u where u.id = ?`,
    [noPassword, userId],
  );
  if (left?.ways === 0)
    throw errors.lastWayIn("This is your last way to sign in: set a password by a mailed link, or add another one first.");
}
