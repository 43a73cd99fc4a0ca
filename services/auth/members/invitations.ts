import { hash, randomBytes } from "node:crypto";
import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";
import { roleOf } from "../roles/grant.ts";
import { mustHold } from "../roles/hold.ts";

/** An invitation as its organisation sees it. Times are ISO 8601. */
export interface ShownInvitation {
  id: string;
  email: string;
  role: string;
  invitedBy: string | null;
  createdAt: string;
  expiresAt: string;
  /** When the mail was handed over last; null when it could not be: send it again then. */
  sentAt: string | null;
}

/** An invitation whose mail is to be sent: the token is in nothing else. */
export interface FreshInvitation extends ShownInvitation {
  token: string;
  organisation: string;
  /** Makes each sending a mail of its own. */
  sent: number;
}

const days = 7;
const columns = `i.id, i.email, i.role, i.invited_by as "invitedBy", ${isoTime("i.created_at")} as "createdAt",
  ${isoTime("i.expires_at")} as "expiresAt", ${isoTime("i.sent_at")} as "sentAt"`;
export const open = `i.accepted_at is null and i.revoked_at is null and i.expires_at > now()`;

const newToken = () => `lgi_${randomBytes(32).toString("base64url")}`;
/** 256 random bits need no slow hash. */
export const hashOf = (token: string): Buffer => hash("sha256", token, "buffer");

/**
 * Invites an address.
 * @throws ROLE_NOT_FOUND, PERMISSION_NOT_HELD, CONFLICT for a member, and for an address that an open invitation has gone to
 */
export async function invite(
  em: Em,
  by: Policy,
  { tenantId, userId }: { tenantId: string; userId: string | null },
  { email, role }: { email: string; role: string },
): Promise<FreshInvitation> {
  mustHold(by, (await roleOf(em, tenantId, role)).permissions, "Nobody can be invited to a role that has");
  const member = await row(
    em,
    `select 1 from auth.memberships m join auth.users u on u.id = m.user_id where m.tenant_id = ? and u.email = ?`,
    [tenantId, email],
  );
  if (member) throw errors.conflict("This person is a member already.", { email });
  // An outdated one makes room.
  await em.execute(
    `update auth.invitations set revoked_at = now() where tenant_id = ? and email = ? and accepted_at is null and revoked_at is null and expires_at <= now()`,
    [tenantId, email],
    "run",
  );
  const token = newToken();
  const made = await row<{ id: string }>(
    em,
    `insert into auth.invitations (tenant_id, email, role, token_hash, invited_by, expires_at) values (?, ?, ?, ?, ?, now() + ? * interval '1 day')
     on conflict do nothing returning id`,
    [tenantId, email, role, hashOf(token), userId, days],
  );
  if (!made) throw errors.conflict("This address is invited already; send that invitation again, or revoke it.", { email });
  return await fresh(em, made.id, token);
}

/** A new token for an open invitation, which then holds as long as a new one; the old token does not work any more. @throws INVITATION_NOT_FOUND */
export async function renew(em: Em, by: Policy, tenantId: string, id: string): Promise<FreshInvitation> {
  const token = newToken();
  const renewed = await row<{ role: string }>(
    em,
    `update auth.invitations i set token_hash = ?, expires_at = now() + ? * interval '1 day'
     where tenant_id = ? and id = ? and accepted_at is null and revoked_at is null returning role`,
    [hashOf(token), days, tenantId, id],
  );
  if (!renewed) throw notFound(id);
  mustHold(by, (await roleOf(em, tenantId, renewed.role)).permissions, "Nobody can be invited to a role that has");
  return await fresh(em, id, token);
}

async function fresh(em: Em, id: string, token: string): Promise<FreshInvitation> {
  const found = await row<Omit<FreshInvitation, "token">>(
    em,
    `update auth.invitations i set sent = sent + 1 from auth.organisations o where i.id = ? and o.id = i.tenant_id
     returning ${columns}, i.sent, o.name as organisation`,
    [id],
  );
  return { ...found!, token };
}

/** The mail was handed over. */
export const noteSent = async (em: Em, id: string): Promise<string> =>
  (await row<{ at: string }>(em, `update auth.invitations set sent_at = now() where id = ? returning ${isoTime("sent_at")} as at`, [id]))!
    .at;

/** A page of the open invitations, newest first. */
export async function listInvitations(
  em: Em,
  secret: string,
  tenantId: string,
  { limit, cursor: given }: { limit: number; cursor?: string | undefined },
): Promise<Page<ShownInvitation>> {
  const scope = ["invitations", tenantId];
  const cursor = decodeCursor(secret, scope, given);
  const found = await rows<ShownInvitation & { key: string }>(
    em,
    `select ${columns}, i.created_at::text as key from auth.invitations i where i.tenant_id = ? and ${open}
     ${cursor ? "and (i.created_at, i.id) < (?::timestamptz, ?::uuid)" : ""} order by i.created_at desc, i.id desc limit ${limit + 1}`,
    [tenantId, ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    ({ key: _key, ...invitation }) => invitation,
    ({ key, id }) => encodeCursor(secret, scope, { after: [key, id] }),
  );
}

/** Takes an invitation back; a repeat changes nothing. @throws INVITATION_NOT_FOUND, also for one that was accepted */
export async function revokeInvitation(em: Em, tenantId: string, id: string): Promise<void> {
  const revoked = await row(
    em,
    `update auth.invitations set revoked_at = coalesce(revoked_at, now()) where tenant_id = ? and id = ? and accepted_at is null returning id`,
    [tenantId, id],
  );
  if (!revoked) throw notFound(id);
}

const notFound = (id: string) => errors.invitationNotFound("There is no such open invitation.", { id });
