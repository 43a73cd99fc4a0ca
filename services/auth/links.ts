import { hash, randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { errors } from "../../config/errors.ts";
import { epoch, row, type Em } from "../../mixins/database.ts";

export type Purpose = "password" | "address";

/** Minutes that a link of each kind works. */
const minutes: Record<Purpose, number> = { password: 30, address: 24 * 60 };
/** Its token stands behind the #: browsers send that to no server, so it is in no log. */
const pages: Record<Purpose, string> = { password: "/reset-password", address: "/confirm-address" };

export interface MadeLink {
  id: string;
  /** Path below PUBLIC_URL. */
  link: string;
  expiresAt: number;
}

/** Makes a link that works once; one made before for the same purpose no longer does. Needs the system's scope. */
export async function makeLink(em: Em, purpose: Purpose, { userId, email }: { userId: string; email: string }): Promise<MadeLink> {
  const id = uuidv7();
  const token = `lgl_${randomBytes(32).toString("base64url")}`;
  await em.execute(`delete from auth.links where user_id = ? and purpose = ?`, [userId, purpose], "run");
  const made = await row<{ expiresAt: number }>(
    em,
    `insert into auth.links (id, user_id, purpose, email, token_hash, expires_at) values (?, ?, ?, ?, ?, now() + ? * interval '1 minute')
     returning ${epoch("expires_at")} as "expiresAt"`,
    [id, userId, purpose, email, hashOf(token), minutes[purpose]],
  );
  return { id, link: `${pages[purpose]}#token=${token}`, expiresAt: made!.expiresAt };
}

/** Uses a link up, in the transaction that does what it is for. @throws LINK_INVALID, the same for unknown, used and outdated ones */
export async function useLink(em: Em, purpose: Purpose, token: string): Promise<{ userId: string; email: string }> {
  const used = await row<{ userId: string; email: string }>(
    em,
    `update auth.links set used_at = now() where token_hash = ? and purpose = ? and used_at is null and expires_at > now()
     returning user_id as "userId", email`,
    [hashOf(token), purpose],
  );
  if (!used) throw errors.linkInvalid("This link is unknown, was used before, or is too old; ask for a new one.");
  return used;
}

/** 256 random bits need no slow hash. */
const hashOf = (token: string): Buffer => hash("sha256", token, "buffer");
