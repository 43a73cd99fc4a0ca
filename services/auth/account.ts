import { v7 as uuidv7 } from "uuid";
import { roles, type Role } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Database } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import type { Issued, Issuer } from "./issuer.ts";
import { hashPassword, verifyPassword } from "./password.ts";

const tokenSeconds = 600;

export interface Account {
  tenantId: string;
  userId: string;
}

export interface OrganisationOf {
  tenantId: string;
  name: string;
  role: Role;
}

interface SignUp {
  organisation: string;
  email: string;
  password: string;
  firstName?: string;
  lastName?: string;
}

/** The form in which an address is stored and looked up. */
const addressOf = (email: string) => email.toLowerCase();

/**
 * Makes an organisation with its owner. No tenant exists yet, so this is one of the few works in the system's scope.
 * @throws EMAIL_TAKEN, VALIDATION_FAILED for the password
 */
export async function signUp(db: Database, { organisation, email, password, firstName, lastName }: SignUp): Promise<Account> {
  const passwordHash = await hashPassword(password);
  const [tenantId, userId] = [uuidv7(), uuidv7()];
  await db.system(async (em) => {
    const user = await row(
      em,
      `insert into auth.users (id, email, password_hash, first_name, last_name, last_login_at) values (?, ?, ?, ?, ?, now())
       on conflict (email) do nothing returning id`,
      [userId, addressOf(email), passwordHash, firstName ?? null, lastName ?? null],
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
  });
  return { tenantId, userId };
}

/**
 * Checks a person's password and chooses the organisation they sign in to: the asked one, else the one they have belonged to the longest.
 * Which tenant it will be is not known before, hence the system's scope.
 * @throws UNAUTHENTICATED, the same for an unknown address and a wrong password; FORBIDDEN for who proved the password but may not enter
 */
export async function logIn(
  db: Database,
  { email, password, tenantId }: { email: string; password: string; tenantId?: string },
): Promise<Account & { role: Role; organisations: OrganisationOf[] }> {
  const user = await db.system((em) =>
    row<{ id: string; password_hash: string }>(em, `select id, password_hash from auth.users where email = ?`, [addressOf(email)]),
  );
  // Outside of any transaction: a sign-in that waits for its turn would keep a connection.
  if (!(await verifyPassword(password, user?.password_hash)) || !user) throw errors.unauthenticated("E-mail or password is wrong.");
  return await db.system(async (em) => {
    const organisations = await rows<OrganisationOf>(
      em,
      `select o.id as "tenantId", o.name, m.role from auth.memberships m join auth.organisations o on o.id = m.tenant_id
       where m.user_id = ? order by m.created_at, o.id`,
      [user.id],
    );
    const chosen = organisations.find((organisation) => tenantId === undefined || organisation.tenantId === tenantId);
    if (!chosen) throw errors.forbidden("You are not a member of this organisation.", { organisations });
    // The condition on the hash: a password changed since it was read above no longer opens the account.
    const entered = await row(
      em,
      `update auth.users set last_login_at = now() where id = ? and is_active and password_hash = ? returning id`,
      [user.id, user.password_hash],
    );
    if (!entered) throw errors.forbidden("This account is not active; ask the owner of your organisation.");
    return { tenantId: chosen.tenantId, userId: user.id, role: chosen.role, organisations };
  });
}

/** A person's token for one organisation. */
export const tokenFor = (issuer: Issuer, { tenantId, userId, role }: Account & { role: Role }): Promise<Issued> =>
  issuer.issue({ tenantId, userId, subject: `user:${userId}`, permissions: roles[role] }, tokenSeconds);

export interface Identity {
  tenantId: string;
  organisation: string;
  subject: string;
  user: { id: string; email: string; firstName: string | null; lastName: string | null; role: Role } | null;
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
