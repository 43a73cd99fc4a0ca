import type { ServiceBroker } from "moleculer";
import type { Revocation } from "../../../config/permissions.ts";
import { recordAct } from "../../../mixins/act.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { keyOf } from "../apikeys.ts";
import { forPeople, mailFor } from "../mails.ts";
import { recordRevocation } from "../revocations.ts";
import { nextVersion } from "../roles/change.ts";

interface Leak {
  keyId: string;
  name: string;
  tenantId: string;
  organisation: string;
  /** Of the organisation's policy. */
  version: number;
  revocation: Revocation;
  owners: { userId: string; email: string }[];
}

/**
 * Revokes a key that was found where it should not be, and tells the owners. Only who has the whole key can do this; a key that is none, or was
 * revoked before, changes nothing.
 * @returns whether it was revoked by this
 */
export async function revokeLeaked(db: Database, broker: ServiceBroker, clusterSecret: string, credential: string): Promise<boolean> {
  const leak = await db.system(async (em): Promise<Leak | undefined> => {
    const key = await keyOf(em, clusterSecret, credential);
    if (!key || key.revokedAt) return undefined;
    const { id: keyId, name, tenantId } = key;
    const { version } = await nextVersion(em, tenantId);
    key.revokedAt = new Date();
    await em.flush();
    await recordAct(em, "auth", { action: "apikey.leaked", outcome: "allowed", tenantId, object: `apikey:${keyId}` });
    const owners = await rows<{ userId: string; email: string; organisation: string }>(
      em,
      `select u.id as "userId", u.email, o.name as organisation from auth.memberships m join auth.users u on u.id = m.user_id and u.is_active
       join auth.organisations o on o.id = m.tenant_id where m.tenant_id = ? and m.role = 'owner'`,
      [tenantId],
    );
    const organisation = owners[0]?.organisation ?? "";
    return {
      keyId,
      name,
      tenantId,
      organisation,
      version,
      owners,
      revocation: await recordRevocation(em, { tenantId, subject: `key:${keyId}` }),
    };
  });
  if (!leak) return false;
  const { keyId, name, tenantId, organisation, version, revocation, owners } = leak;
  await broker.broadcast("credential.revoked", revocation);
  await broker.broadcast("policy.changed", { tenantId, version });
  const at = forPeople(revocation.at);
  for (const { userId, email } of owners)
    await mailFor(broker, tenantId, {
      to: email,
      template: "api-key-leaked",
      key: `leak:${keyId}:${userId}`,
      data: { organisation, name, at },
    });
  return true;
}
