import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { messageOf } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { row } from "../../mixins/database.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { addressOf, emailField, nameField, passwordField, roleField } from "./fields.ts";
import { forPeople, mailFor } from "./mails.ts";
import { join, offerOf, type Joined, type Offer } from "./members/accept.ts";
import {
  invite,
  listInvitations,
  noteSent,
  renew,
  revokeInvitation,
  type FreshInvitation,
  type ShownInvitation,
} from "./members/invitations.ts";
import { hashPassword } from "./passwords/hash.ts";
import { provePassword } from "./passwords/prove.ts";
import { person } from "./person.ts";
import { tellChange } from "./roles/change.ts";

type Invitations = Host<WithDatabase & WithRedis>;
const action = actionOf<Invitations>();

const id = uuid("The invitation.");
const token = Type.String({ pattern: "^lgi_[\\w-]{43}$", description: "The token of the mailed link: what stands behind #token=." });

export const actions = {
  create: action({
    description: "Invites somebody by e-mail; the link in it works once, for seven days, for that address.",
    permission: "members:write",
    audit: "invitation.created",
    rest: "POST /invitations",
    status: 201,
    params: strict({ email: emailField, role: roleField }),
    async handler(ctx): Promise<ShownInvitation> {
      const by = caller(ctx);
      const { email, role } = ctx.params;
      const made = await this.db.tenant(by.tenantId, (em) => invite(em, policyOf(ctx), by, { email: addressOf(email), role }));
      return await send(this, by, made);
    },
  }),

  list: action({
    description: "Lists the open invitations, newest first.",
    permission: "members:read",
    rest: "GET /invitations",
    idempotent: true,
    params: strict(pageParams),
    async handler(ctx): Promise<Page<ShownInvitation>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listInvitations(em, env.CLUSTER_SECRET, tenantId, { limit, cursor }));
    },
  }),

  resend: action({
    description: "Mails an invitation again with a new link, for another seven days; the old link does not work any more.",
    permission: "members:write",
    audit: { act: "invitation.resent", object: "invitation:id" },
    rest: "POST /invitations/:id/resend",
    params: strict({ id }),
    async handler(ctx): Promise<ShownInvitation> {
      const by = caller(ctx);
      return await send(this, by, await this.db.tenant(by.tenantId, (em) => renew(em, policyOf(ctx), by.tenantId, ctx.params.id)));
    },
  }),

  revoke: action({
    description: "Takes an invitation back; its link does not work any more.",
    permission: "members:write",
    audit: { act: "invitation.revoked", object: "invitation:id" },
    rest: "DELETE /invitations/:id",
    status: 204,
    params: strict({ id }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      await this.db.tenant(tenantId, (em) => revokeInvitation(em, tenantId, ctx.params.id));
    },
  }),

  show: action({
    description: "Tells the bearer of a link what they are invited to, and whether their address has an account.",
    permission: "public",
    rest: "POST /invitations/show",
    params: strict({ token }),
    async handler(ctx): Promise<Offer> {
      return await offerOf(this.db, ctx.params.token);
    },
  }),

  accept: action({
    description:
      "Accepts an invitation: by the password of the address's account, or by choosing one for a new account. Sign in afterwards.",
    permission: "public",
    audit: "invitation.accepted",
    rest: "POST /invitations/accept",
    params: strict({
      token,
      password: passwordField,
      firstName: Type.Optional(nameField("First name, for a new account.", 100)),
      lastName: Type.Optional(nameField("Last name, for a new account.", 100)),
    }),
    async handler(ctx): Promise<Omit<Joined, "version">> {
      const { token, password, firstName = null, lastName = null } = ctx.params;
      const client = ctx.meta.client ?? {};
      const { email, account } = await offerOf(this.db, token);
      const comer = account
        ? await provePassword(this.db, this.redis, { email, password }, client)
        : { passwordHash: await hashPassword(password, client.address), firstName, lastName };
      const { version, ...joined } = await join(this.db, token, comer);
      await tellChange(ctx, { tenantId: joined.tenantId, version });
      return joined;
    },
  }),

  join: action({
    description: "Accepts an invitation as the person who is signed in, whose address must be the invited one.",
    permission: "account:manage",
    audit: "invitation.accepted",
    rest: "POST /invitations/join",
    params: strict({ token }),
    async handler(ctx): Promise<Omit<Joined, "version">> {
      const { version, ...joined } = await join(this.db, ctx.params.token, { userId: person(ctx).userId });
      await tellChange(ctx, { tenantId: joined.tenantId, version });
      return joined;
    },
  }),
};

/** Hands the mail over. An invitation that could not be mailed stays, with `sentAt` null, and can be sent again. */
async function send(
  host: Invitations,
  { tenantId, userId }: { tenantId: string; userId: string | null },
  { token, organisation, sent, ...invitation }: FreshInvitation,
): Promise<ShownInvitation> {
  const { db, broker, logger } = host;
  const inviter = await db.tenant(tenantId, (em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
  try {
    await mailFor(broker, tenantId, {
      to: invitation.email,
      template: "invitation",
      key: `invitation:${invitation.id}:${sent}`,
      data: {
        organisation,
        inviter: inviter?.email ?? organisation,
        role: invitation.role,
        link: `/invitation#token=${token}`,
        expiresAt: forPeople(Date.parse(invitation.expiresAt)),
      },
    });
    return { ...invitation, sentAt: await db.tenant(tenantId, (em) => noteSent(em, invitation.id)) };
  } catch (error) {
    logger.warn(`The invitation ${invitation.id} could not be handed to the notification service: ${messageOf(error)}`);
    return invitation;
  }
}

export default service<Invitations>()({ name: "auth.invitations", mixins: [redisMixin, ormMixin("auth")], actions });
