import { v7 as uuidv7 } from "uuid";
import type { Client } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { row, type Database, type Em } from "../../mixins/database.ts";
import { recordAct } from "../../mixins/act.ts";
import { appendEvent } from "../../mixins/events.ts";
import { addressOf } from "./fields.ts";
import { hashPassword } from "./passwords/hash.ts";

export interface Account {
  tenantId: string;
  userId: string;
}

interface SignUp {
  organisation: string;
  email: string;
  password: string;
  firstName?: string;
  lastName?: string;
}

/**
 * Makes an organisation with its owner. No tenant exists yet, so this is one of the few works in the system's scope.
 * @throws EMAIL_TAKEN, VALIDATION_FAILED for the password
 */
export async function signUp(
  db: Database,
  { organisation, email, password, firstName, lastName }: SignUp,
  client: Client,
): Promise<Account> {
  const passwordHash = await hashPassword(password, client.address);
  const owner = { email: addressOf(email), confirmed: false, passwordHash, firstName: firstName ?? null, lastName: lastName ?? null };
  return await db.system((em) => found(em, { organisation, ...owner }));
}

interface Owner {
  /** Lower case. */
  email: string;
  /** Whether the address is known to be theirs. */
  confirmed: boolean;
  passwordHash: string;
  firstName: string | null;
  lastName: string | null;
}

/** Makes an organisation with its owner. Needs the system's scope. @throws EMAIL_TAKEN */
export async function found(em: Em, { organisation, ...owner }: Owner & { organisation: string }): Promise<Account> {
  const [tenantId, userId] = [uuidv7(), uuidv7()];
  const user = await row(
    em,
    `insert into auth.users (id, email, email_confirmed_at, password_hash, first_name, last_name) values (?, ?, case when ? then now() end, ?, ?, ?)
     on conflict (email) do nothing returning id`,
    [userId, owner.email, owner.confirmed, owner.passwordHash, owner.firstName, owner.lastName],
  );
  if (!user) throw errors.emailTaken("An account with this e-mail address exists already; sign in, or use another address.");
  await em.execute(`insert into auth.organisations (id, name) values (?, ?)`, [tenantId, organisation], "run");
  await em.execute(`insert into auth.memberships (tenant_id, user_id, role) values (?, ?, 'owner')`, [tenantId, userId], "run");
  await appendEvent(em, "auth", {
    tenantId,
    type: "organisation.created",
    stream: `organisation:${tenantId}`,
    data: { name: organisation },
    actor: `user:${userId}`,
  });
  const object = `organisation:${tenantId}`;
  await recordAct(em, "auth", { action: "organisation.created", outcome: "allowed", tenantId, actor: `user:${userId}`, userId, object });
  return { tenantId, userId };
}

export interface Identity {
  tenantId: string;
  organisation: string;
  subject: string;
  user: { id: string; email: string; firstName: string | null; lastName: string | null; role: string } | null;
  permissions: readonly string[];
}

/** What the caller's claim says, with names: the person who signed in or made the key, and the organisation. */
export async function identityOf(
  db: Database,
  { tenantId, subject, userId, permissions }: { tenantId: string; subject: string; userId: string | null; permissions: readonly string[] },
): Promise<Identity> {
  return await db.tenant(tenantId, async (em) => {
    const organisation = await row<{ name: string }>(em, `select name from auth.organisations where id = ?`, [tenantId]);
    if (!organisation) throw errors.notFound("This organisation no longer exists.", { tenantId });
    const user = await row<NonNullable<Identity["user"]>>(
      em,
      `select u.id, u.email, u.first_name as "firstName", u.last_name as "lastName", m.role
       from auth.users u join auth.memberships m on m.user_id = u.id and m.tenant_id = ? where u.id = ?`,
      [tenantId, userId],
    );
    return { tenantId, organisation: organisation.name, subject, user: user ?? null, permissions };
  });
}

/** Where to write to a member. @throws NOT_FOUND for who is none, or whose account is not active */
export async function contactOf(db: Database, tenantId: string, userId: string): Promise<{ email: string }> {
  const found = await db.tenant(tenantId, (em) =>
    row<{ email: string }>(
      em,
      `select u.email from auth.users u join auth.memberships m on m.user_id = u.id and m.tenant_id = ? where u.id = ? and u.is_active`,
      [tenantId, userId],
    ),
  );
  if (!found) throw errors.notFound("This person is no active member of the organisation.", { userId });
  return found;
}
