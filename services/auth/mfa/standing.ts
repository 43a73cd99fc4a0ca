import type { SecondFactor } from "../../../config/permissions.ts";
import { row, type Em } from "../../../mixins/database.ts";

/** What a person's tokens for an organisation say about the second factor; undefined when there is neither one nor a need. Needs the system's scope. */
export async function secondFactorOf(
  em: Em,
  { userId, tenantId }: { userId: string; tenantId: string },
): Promise<SecondFactor | undefined> {
  const found = await row<{ has: boolean; must: boolean }>(
    em,
    `select exists (select 1 from auth.totp_factors where user_id = ? and confirmed_at is not null)
            or exists (select 1 from auth.passkeys where user_id = ?) as has,
            coalesce((select second_factor_required from auth.organisations where id = ?), false) as must`,
    [userId, userId, tenantId],
  );
  if (found!.must) return found!.has ? "required" : "missing";
  return found!.has ? "enrolled" : undefined;
}
