import { SavedMethod } from "../../../entities/SavedMethod.ts";
import type { Handle } from "../webhooks/event.ts";

/** The customer has taken a saved way to pay back at PayPal: it can't be paid with any more. */
export const handleToken: Handle = async (till, { tenantId, type, resource }) => {
  const vaultId = resource["id"];
  if (!type.endsWith(".DELETED") || typeof vaultId !== "string") return "ignored";
  return till.db.tenant(tenantId, async (em) => {
    const method = await em.findOne(SavedMethod, { tenantId, vaultId });
    if (!method) return "ignored";
    method.status = "removed";
    method.removedAt ??= new Date();
    method.vaultId = null;
    return "done";
  });
};
