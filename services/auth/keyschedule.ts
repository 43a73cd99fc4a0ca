import { rows, type Database } from "../../mixins/database.ts";
import type { KeyManager } from "../../mixins/vault/keys.ts";
import { rotateIn } from "./signingkeys.ts";

/** How long a retired key stays published: its last tokens have long run out by then. */
const keepRetired = "1 day";

/**
 * Rotates the key that signs when it is older than `days`, and forgets keys that were retired long ago. Every node asks once an hour, and one of
 * them finds something to do.
 * @param days 0 for never
 * @returns the key that signs from now on, if there is another, and how many were forgotten
 */
export async function tendSigningKeys(
  db: Database,
  ring: KeyManager,
  days: number,
): Promise<{ active: string | undefined; forgotten: number }> {
  return await db.system(async (em) => {
    const { active } = days > 0 ? await rotateIn(em, ring, days) : {};
    const forgotten = await rows(
      em,
      `delete from auth.signing_keys where state = 'retired' and coalesce(retired_at, created_at) < now() - interval '${keepRetired}' returning 1`,
    );
    return { active, forgotten: forgotten.length };
  });
}
