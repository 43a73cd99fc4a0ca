import { hash, randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";

export type Purpose = "sign-in" | "passkey-sign-in" | "passkey-registration" | "step-up";

/** How long a person has, seconds. */
const seconds = 300;

/** What a ceremony of two requests remembers between them. */
export interface Challenge {
  /** Whose; null where that is what the ceremony finds out. */
  userId: string | null;
  /** Base64url; what a passkey has to sign. */
  challenge: string;
  /** What was asked for at sign-in. */
  signIn: { tenantId?: string | undefined; methods: string[]; device?: string | undefined } | null;
}

export interface OpenChallenge {
  token: string;
  expiresAt: string;
}

/** Begins a ceremony. @returns a token for its second request */
export async function openChallenge(em: Em, purpose: Purpose, { userId, challenge, signIn }: Challenge): Promise<OpenChallenge> {
  const token = `lgp_${randomBytes(32).toString("base64url")}`;
  const stored = await row<{ expiresAt: string }>(
    em,
    `insert into auth.challenges (id, token_hash, purpose, user_id, challenge, sign_in, expires_at)
     values (?, decode(?, 'hex'), ?, ?, ?, ?::jsonb, now() + ? * interval '1 second') returning ${isoTime("expires_at")} as "expiresAt"`,
    [uuidv7(), hashOf(token), purpose, userId, challenge, signIn && JSON.stringify(signIn), seconds],
  );
  return { token, expiresAt: stored!.expiresAt };
}

/** What a token stands for, still open. @param userId whose it has to be @throws CHALLENGE_INVALID */
export async function challengeOf(em: Em, purpose: Purpose, token: string, userId?: string): Promise<Challenge> {
  const found = await row<Challenge>(
    em,
    `select user_id as "userId", challenge, sign_in as "signIn" from auth.challenges where token_hash = decode(?, 'hex') and purpose = ? and expires_at > now()`,
    [hashOf(token), purpose],
  );
  if (!found || (userId !== undefined && found.userId !== userId)) throw invalid();
  return found;
}

/** Ends a ceremony: its token works once. @throws CHALLENGE_INVALID when another request was faster */
export async function takeChallenge(em: Em, token: string): Promise<void> {
  const taken = await row(em, `delete from auth.challenges where token_hash = decode(?, 'hex') and expires_at > now() returning 1`, [
    hashOf(token),
  ]);
  if (!taken) throw invalid();
}

const hashOf = (token: string) => hash("sha256", token, "hex");
const invalid = () => errors.challengeInvalid("This was begun too long ago, or ended before; begin again.");
