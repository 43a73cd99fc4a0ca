import type { Principal } from "../config/permissions.ts";
import { errors } from "../config/errors.ts";

/** For how long a proof counts as recent, seconds. */
export const recentSeconds = 600;

/**
 * What a person has to do before this action is theirs; keys and services have no second factor. The permission middleware asks it, and the edge
 * for what it answers itself. Flag `stepUp`: who has a second factor, or has to have one, must have shown it a moment ago. What concerns one's
 * own account (`account:manage`) is always left to people, so that they can help themselves; with `stepUp`, who has no factor needs a recent proof of any kind.
 * @returns SECOND_FACTOR_MISSING or STEP_UP_REQUIRED, which say what to do
 */
export function secondFactorFault({ session }: Principal, action: { permission: string; stepUp?: boolean | undefined }): Error | undefined {
  if (!session) return undefined;
  const own = action.permission === "account:manage";
  if (session.secondFactor === "missing" && !own)
    return errors.secondFactorMissing(
      "This organisation requires a second factor. Make one: an authenticator app or a passkey; nothing else is open to you until then.",
      { enrol: ["/api/v1/auth/authenticator", "/api/v1/auth/passkeys/options"] },
    );
  const strong = session.methods.includes("mfa");
  const recent = Date.now() / 1000 - session.authenticatedAt <= recentSeconds;
  const bound = session.secondFactor === "enrolled" || session.secondFactor === "required";
  const lacking =
    (session.secondFactor === "required" && !own && !strong) ||
    (action.stepUp === true && ((bound && !(strong && recent)) || (own && !recent)));
  if (!lacking) return undefined;
  const proof = bound ? "your second factor" : "your password";
  return errors.stepUpRequired(`This needs a recent proof of who you are: show ${proof}, and use the token that you get.`, {
    stepUp: "/api/v1/auth/step-up",
    maxAge: recentSeconds,
  });
}
