import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import { describeAct } from "../../../mixins/act.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";
import { nextVersion } from "../roles/change.ts";
import { hashOf, open } from "./invitations.ts";

/** What the bearer of a token is invited to. */
export interface Offer {
  tenantId: string;
  organisation: string;
  email: string;
  role: string;
  /** ISO 8601. */
  expiresAt: string;
  /** Whether this address has an account: its person accepts by its password, or signed in; anybody else by choosing one. */
  account: boolean;
}

/** Who comes: a person that exists, or one that the acceptance makes. */
export type Comer = { userId: string } | { passwordHash: string; firstName: string | null; lastName: string | null };

export interface Joined {
  tenantId: string;
  userId: string;
  /** Of the organisation's policy: tell it to the nodes. */
  version: number;
}

/** No tenant is known before the token is: the system's scope. @throws LINK_INVALID, the same for unknown, used, revoked and outdated ones */
export async function offerOf(db: Database, token: string): Promise<Offer> {
  const found = await db.system((em) =>
    row<Offer>(
      em,
      `select i.tenant_id as "tenantId", o.name as organisation, i.email, i.role, ${isoTime("i.expires_at")} as "expiresAt",
              exists (select 1 from auth.users u where u.email = i.email) as account
       from auth.invitations i join auth.organisations o on o.id = i.tenant_id where i.token_hash = ? and ${open}`,
      [hashOf(token)],
    ),
  );
  if (!found) throw unusable();
  return found;
}

/**
 * Uses the invitation up and makes its person a member.
 * @throws LINK_INVALID; FORBIDDEN for a person of another address; EMAIL_TAKEN when somebody has made an account of the address meanwhile
 */
export async function join(db: Database, token: string, comer: Comer): Promise<Joined> {
  const { tenantId } = await offerOf(db, token);
  return await db.system(async (em) => {
    const { version } = await nextVersion(em, tenantId);
    const invitation = await row<{ id: string; email: string; role: string }>(
      em,
      `update auth.invitations i set accepted_at = now() where i.token_hash = ? and ${open} returning i.id, i.email, i.role`,
      [hashOf(token)],
    );
    if (!invitation) throw unusable();
    const userId = await personOf(em, invitation.email, comer);
    describeAct({ tenantId, actor: `user:${userId}`, userId, object: `invitation:${invitation.id}`, details: { role: invitation.role } });
    await em.execute(
      `insert into auth.memberships (tenant_id, user_id, role) values (?, ?, ?) on conflict do nothing`,
      [tenantId, userId, invitation.role],
      "run",
    );
    return { tenantId, userId, version };
  });
}

async function personOf(em: Em, email: string, comer: Comer): Promise<string> {
  if ("userId" in comer) {
    // Who has the link reads what is sent to the address.
    const invited = await row(
      em,
      `update auth.users set email_confirmed_at = coalesce(email_confirmed_at, now()) where id = ? and email = ? and is_active returning id`,
      [comer.userId, email],
    );
    if (!invited) throw errors.forbidden("This invitation is for another address than yours.");
    return comer.userId;
  }
  const made = await row<{ id: string }>(
    em,
    `insert into auth.users (id, email, email_confirmed_at, password_hash, first_name, last_name) values (?, ?, now(), ?, ?, ?) on conflict (email) do nothing returning id`,
    [uuidv7(), email, comer.passwordHash, comer.firstName, comer.lastName],
  );
  if (!made) throw errors.emailTaken("An account with this e-mail address exists already; accept with its password.");
  return made.id;
}

const unusable = () => errors.linkInvalid("This invitation is unknown, was used or revoked, or is too old; ask for a new one.");
