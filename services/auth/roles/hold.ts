import type { Permission } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";

/**
 * Nobody passes on what they lack, or have under a rule only: by a role, a key, an invitation or an account.
 * @param what it is about, for the sentence, e.g. "A key can't be given"
 * @throws PERMISSION_NOT_HELD naming what is lacking
 */
export function mustHold(policy: Policy, permissions: readonly Permission[], what: string): void {
  const lacking = permissions.filter((permission) => !policy.holdsFully(permission));
  if (lacking.length)
    throw errors.permissionNotHeld(`${what} what the caller lacks or has under a rule: ${lacking.join(", ")}.`, { permissions: lacking });
}
