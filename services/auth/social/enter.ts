import type { Client } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { found } from "../account.ts";
import { addressOf } from "../fields.ts";
import { noPassword } from "../passwords/hash.ts";
import type { SessionWorks } from "../sessions/session.ts";
import { signIn, type SignedIn } from "../signin.ts";
import type { Begun } from "./begun.ts";
import { linkIdentity, ownerOf } from "./identities.ts";
import type { Claimed } from "./provider.ts";

export interface Entered {
  userId: string;
  /** Whether the account got this way in just now. */
  linked: boolean;
}

/** Federated: another provider has checked who it is. RFC 8176 has no word for it; this one is Microsoft's. */
export const federated = "fed";

/**
 * Whose account it is: the identity's owner; or who has the same address, where the provider knows it to be theirs and so do we; or, where an
 * organisation was asked for, somebody new.
 * @throws SOCIAL_ADDRESS_UNVERIFIED, SOCIAL_ACCOUNT_UNCONFIRMED, SOCIAL_ACCOUNT_UNKNOWN, EMAIL_TAKEN
 */
export async function accountOf(em: Em, claimed: Claimed, { provider, organisation }: Begun): Promise<Entered> {
  const known = await ownerOf(em, claimed);
  if (known !== undefined) return { userId: known, linked: false };
  if (claimed.email === null || !claimed.verified)
    throw errors.socialUnverified(
      "The provider does not say that your e-mail address is yours. Sign in another way, and link the provider then.",
      {
        provider,
      },
    );
  const email = addressOf(claimed.email);
  const user = await row<{ id: string; confirmed: boolean }>(
    em,
    `select id, email_confirmed_at is not null as confirmed from auth.users where email = ? for update`,
    [email],
  );
  // Whoever made the account may not be who reads the address: they would share it from now on.
  if (user && !user.confirmed)
    throw errors.socialUnconfirmed(
      "There is an account with your e-mail address that nobody has confirmed. Reset its password by mail, and come again.",
      {
        provider,
      },
    );
  if (!user && organisation === null)
    throw errors.socialUnknown(
      "There is no account with your e-mail address. Name the organisation to make with it, or ask to be invited to one.",
      {
        provider,
      },
    );
  const userId = user?.id ?? (await newcomer(em, email, claimed, organisation!));
  const { id } = await linkIdentity(em, userId, provider, claimed);
  await recordLink(em, userId, id, provider);
  return { userId, linked: user !== undefined };
}

async function newcomer(em: Em, email: string, { firstName, lastName }: Claimed, organisation: string): Promise<string> {
  const { userId } = await found(em, { organisation, email, confirmed: true, passwordHash: noPassword, firstName, lastName });
  return userId;
}

/** In the audit log of the organisation that the person joined first. */
export async function recordLink(em: Em, userId: string, identity: string, provider: string): Promise<void> {
  const home = await row<{ tenantId: string }>(
    em,
    `select tenant_id as "tenantId" from auth.memberships where user_id = ? order by created_at, tenant_id limit 1`,
    [userId],
  );
  const act = { action: "identity.linked", outcome: "allowed", object: `identity:${identity}`, details: { provider } } as const;
  await recordAct(em, "auth", { ...act, userId, actor: `user:${userId}`, ...home });
}

/** The end of a sign-in by a provider. @throws as `accountOf` and `signIn` */
export async function enter(
  works: SessionWorks,
  claimed: Claimed,
  begun: Begun,
  { tenantId, device, client }: { tenantId?: string | undefined; device?: string | undefined; client: Client },
  linked: (userId: string) => Promise<void>,
): Promise<SignedIn> {
  const entered = await works.db.system((em) => accountOf(em, claimed, begun));
  if (entered.linked) await linked(entered.userId);
  return await signIn(works, { userId: entered.userId, tenantId, methods: [federated], device: { ...client, name: device } });
}
