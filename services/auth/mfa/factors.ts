import { row, type Em } from "../../../mixins/database.ts";
import { removeRecoveryCodes } from "./recovery.ts";

/** What a person can show besides a password. */
export interface Factors {
  authenticator: boolean;
  passkeys: number;
  /** That were not used yet. */
  recoveryCodes: number;
}

/** Needs the system's scope. */
export async function factorsOf(em: Em, userId: string): Promise<Factors> {
  const found = await row<Factors>(
    em,
    `select exists (select 1 from auth.totp_factors where user_id = u.id and confirmed_at is not null) as authenticator,
            (select count(*)::int from auth.passkeys where user_id = u.id) as passkeys,
            (select count(*)::int from auth.recovery_codes where user_id = u.id and used_at is null) as "recoveryCodes"
     from (select ?::uuid as id) u`,
    [userId],
  );
  return found!;
}

export const hasSecondFactor = ({ authenticator, passkeys }: Factors): boolean => authenticator || passkeys > 0;

/** Recovery codes stand for a factor: without any they stand for nothing. */
export async function afterRemoval(em: Em, userId: string): Promise<Factors> {
  const left = await factorsOf(em, userId);
  if (hasSecondFactor(left)) return left;
  await removeRecoveryCodes(em, userId);
  return { ...left, recoveryCodes: 0 };
}
