import { errors } from "../../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import { removeAuthenticator } from "./authenticator.ts";
import { removeRecoveryCodes } from "./recovery.ts";

/** Says whether an organisation's members need a second factor. Their tokens know within ten minutes, with the next refresh. */
export async function requireSecondFactor(db: Database, tenantId: string, required: boolean): Promise<{ required: boolean }> {
  const changed = await db.tenant(tenantId, (em) =>
    row<{ required: boolean }>(
      em,
      `update auth.organisations set second_factor_required = ? where id = ? returning second_factor_required as required`,
      [required, tenantId],
    ),
  );
  if (!changed) throw errors.notFound("This organisation no longer exists.", { tenantId });
  return changed;
}

/**
 * Takes all second factors of a member away: for who has lost them and the recovery codes.
 * @returns how many there were
 * @throws NOT_FOUND for who is no member of the organisation
 */
export async function removeFactors(em: Em, tenantId: string, userId: string): Promise<number> {
  if (!(await row(em, `select 1 from auth.memberships where tenant_id = ? and user_id = ?`, [tenantId, userId])))
    throw errors.notFound("This person is no member of the organisation.", { userId });
  const authenticator = await removeAuthenticator(em, userId);
  const passkeys = await rows(em, `delete from auth.passkeys where user_id = ? returning 1`, [userId]);
  await removeRecoveryCodes(em, userId);
  await em.execute(`delete from auth.factor_attempts where user_id = ?`, [userId], "run");
  return passkeys.length + (authenticator ? 1 : 0);
}
