import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import { row, type Database } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import { addressOf } from "../fields.ts";
import { isOutdated } from "./crypt.ts";
import { hashPassword, verifyPassword } from "./hash.ts";
import { guarded } from "./lockout.ts";

/** A refusal takes so long at least, milliseconds: hashes of another age take another time to check, which would tell that there is an account. */
const refusalMs = 400;

interface Stored {
  id: string;
  hash: string;
}

/**
 * Checks a person's password. What organisation it is about is not known yet, hence the system's scope.
 * @throws UNAUTHENTICATED, the same after the same time for an unknown address and a wrong password; SIGN_IN_DELAYED; SERVICE_UNAVAILABLE
 */
export async function provePassword(
  db: Database,
  redis: Redis,
  { email, password }: { email: string; password: string },
  client: Client,
): Promise<{ userId: string }> {
  const began = performance.now();
  const account = addressOf(email);
  const { address } = client;
  try {
    const user = await guarded(
      redis,
      { email: account, address },
      (known) => check(db, account, password, address, known),
      () => recordDelay(db, account),
    );
    return { userId: user.id };
  } catch (error) {
    if ((error as { type?: string }).type === "UNAUTHENTICATED") await sleep(Math.max(0, refusalMs - (performance.now() - began)));
    throw error;
  }
}

async function check(db: Database, account: string, password: string, address: string | undefined, known: boolean): Promise<Stored> {
  const user = await db.system((em) => row<Stored>(em, `select id, password_hash as hash from auth.users where email = ?`, [account]));
  // Outside of any transaction: a sign-in that waits for its turn would keep a connection.
  if (!(await verifyPassword(password, user?.hash, address, known)) || !user) throw errors.unauthenticated("E-mail or password is wrong.");
  const hash = isOutdated(user.hash) ? await rehashed(password, address) : user.hash;
  // The condition on the hash: a password changed since it was read above no longer opens the account.
  const entered = await db.system((em) =>
    row(em, `update auth.users set password_hash = ? where id = ? and password_hash = ? returning id`, [
      hash ?? user.hash,
      user.id,
      user.hash,
    ]),
  );
  if (!entered) throw errors.unauthenticated("E-mail or password is wrong.");
  return user;
}

/** What a new password has to be is not asked of one that opens its account already. */
const rehashed = (password: string, address: string | undefined) => hashPassword(password, address).catch(() => undefined);

/** An unknown account's delay is recorded too, for the platform; by its address, for that is all there is. */
async function recordDelay(db: Database, account: string): Promise<void> {
  await db.system(async (em) => {
    const user = await row<{ id: string; tenantId: string | null }>(
      em,
      `select u.id, (select m.tenant_id from auth.memberships m where m.user_id = u.id order by m.created_at limit 1) as "tenantId"
       from auth.users u where u.email = ?`,
      [account],
    );
    const whose = user && { userId: user.id, object: `user:${user.id}`, ...(user.tenantId && { tenantId: user.tenantId }) };
    await recordAct(em, "auth", { action: "signin.delayed", outcome: "refused", code: "SIGN_IN_DELAYED", ...whose });
  });
}
