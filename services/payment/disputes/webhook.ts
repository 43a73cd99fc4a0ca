import { text } from "../gateway/answer.ts";
import type { Handle, PayPalEvent } from "../webhooks/event.ts";
import { customIdOf, readCustom } from "../webhooks/resource.ts";
import { disputedBy, lookAtDispute } from "./look.ts";

/** Whether it is about what another system, or another organisation, was paid with this account. */
function isOthers({ resource, tenantId }: PayPalEvent): boolean {
  const customId = customIdOf(resource);
  return customId !== null && readCustom(customId)?.tenantId !== tenantId;
}

/** Disputes: whatever PayPal says happened, the dispute is read anew. */
export const handleDispute: Handle = async (till, event) => {
  const paypalId = text(event.resource["dispute_id"]);
  if (!paypalId) return "ignored";
  const disputed = await till.db.tenant(event.tenantId, (em) => disputedBy(em, event.tenantId, event.resource));
  if (!disputed) return isOthers(event) ? "ignored" : "waits";
  const { answer, waits } = await lookAtDispute(till, disputed, paypalId);
  return answer.outcome === "ok" && !waits ? "done" : "waits";
};
