import { errors } from "../../../config/errors.ts";
import { describeAct } from "../../../mixins/act.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import { useLink } from "../links.ts";
import { endSessions, type Ended } from "../sessions/end.ts";
import { hashPassword } from "./hash.ts";

export interface Changed {
  userId: string;
  email: string;
  ended: Ended[];
}

/** Gives an account a new password, which ends all its sessions and links. @param address of the client */
export async function changePassword(db: Database, userId: string, password: string, address: string | undefined): Promise<Changed> {
  const hash = await hashPassword(password, address);
  return await db.system((em) => setPassword(em, userId, hash));
}

/**
 * The same for who holds the link of a mail. The hash is made before the link is used up: a password that is refused costs no link.
 * @throws LINK_INVALID, VALIDATION_FAILED for the password
 */
export async function resetPassword(db: Database, token: string, password: string, address: string | undefined): Promise<Changed> {
  const hash = await hashPassword(password, address);
  return await db.system(async (em) => {
    const { userId, email } = await useLink(em, "password", token);
    describeAct({ actor: `user:${userId}`, userId, object: `user:${userId}` });
    // Who read the mail has that address.
    await em.execute(
      `update auth.users set email_confirmed_at = coalesce(email_confirmed_at, now()) where id = ? and email = ?`,
      [userId, email],
      "run",
    );
    return await setPassword(em, userId, hash);
  });
}

async function setPassword(em: Em, userId: string, hash: string): Promise<Changed> {
  const user = await row<{ email: string }>(
    em,
    `update auth.users set password_hash = ?, updated_at = now() where id = ? and is_active returning email`,
    [hash, userId],
  );
  if (!user) throw errors.forbidden("This account is not active.");
  await em.execute(`delete from auth.links where user_id = ? and purpose = 'password' and used_at is null`, [userId], "run");
  return { userId, email: user.email, ended: await endSessions(em, userId, "password") };
}
