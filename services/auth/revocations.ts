import { v7 as uuidv7 } from "uuid";
import type { Revocation } from "../../config/permissions.ts";
import { epoch, row, rows, type Database, type Em } from "../../mixins/database.ts";
import { remembered, type RevocationList } from "../../mixins/revocations.ts";

/**
 * Takes back the claims of a subject, in the caller's transaction: it has the row that the claims are made of, or makes it gone. Tell every node
 * after it has committed: `broadcast("credential.revoked", revocation)`. Needs the system's scope.
 */
export async function recordRevocation(em: Em, { tenantId, subject }: Omit<Revocation, "at">): Promise<Revocation> {
  // clock_timestamp: whoever waited for a lock began before, and covers what was issued meanwhile.
  const stored = await row<{ at: number }>(
    em,
    `insert into auth.revocations (id, tenant_id, subject, at) values (?, ?, ?, clock_timestamp()) returning ${epoch("at")} as at`,
    [uuidv7(), tenantId, subject],
  );
  return { tenantId, subject, at: Math.ceil(stored!.at) };
}

/** What was revoked after a moment and may still be in anybody's hands. @param since milliseconds since 1970 */
export async function revocationsSince(db: Database, since: number): Promise<RevocationList> {
  return await db.system(async (em) => {
    const revocations = await rows<Revocation>(
      em,
      `select tenant_id as "tenantId", subject, ceil(${epoch("at")}) as at from auth.revocations
       where at > to_timestamp(? / 1000.0) and at > now() - ? * interval '1 millisecond' order by at`,
      [since, remembered],
    );
    const now = await row<{ at: number }>(em, `select ${epoch("now()")} as at`);
    return { at: now!.at, revocations };
  });
}
