import { platform } from "../../../config/permissions.ts";
import { PaypalAccount } from "../../../entities/PaypalAccount.ts";
import type { Till } from "../till.ts";
import type { Accounts } from "./accounts.ts";
import { keepWebhook } from "./webhook.ts";

/**
 * Writes down the platform's account as the environment has it, so that its events find it, and has PayPal tell us about it unless the
 * environment names the webhook. Done by every node, in any order.
 * @returns why PayPal tells us nothing, or null
 */
export async function keepPlatformAccount(till: Till, accounts: Accounts, webhookId: string | undefined): Promise<string | null> {
  const { configured } = accounts.settings;
  if (!configured) return null;
  const { environment, clientId } = configured;
  const account = { id: platform, tenantId: platform, environment, clientId };
  await till.db.system((em) =>
    em.upsert(
      PaypalAccount,
      { ...account, ...(webhookId && { webhookId }), createdAt: new Date() },
      { onConflictFields: ["id"], onConflictMergeFields: ["environment", "clientId", ...(webhookId ? (["webhookId"] as const) : [])] },
    ),
  );
  if (webhookId) return null;
  const { connection } = await accounts.paypal(platform, null);
  return await keepWebhook(till.db, connection, till.publicUrl, account);
}
