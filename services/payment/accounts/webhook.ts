import { LockMode } from "@mikro-orm/postgresql";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { Database } from "../../../mixins/database.ts";
import type { PayPalConnection } from "../gateway/connection.ts";
import type { Till } from "../till.ts";
import type { Accounts } from "./accounts.ts";
import { takeDue } from "./due.ts";

/** The address that PayPal tells about an account's events. */
export const webhookUrl = (publicUrl: string, accountId: string) => `${publicUrl}/api/v1/payments/webhooks/${accountId}`;

interface Webhook {
  id: string;
  url: string;
}

const path = "/v1/notifications/webhooks";

/** Which webhook of the account has our address, and a sentence when there is none. */
export type Registered = { webhookId: string } | { fault: string };

/**
 * Has PayPal tell us about an account: finds the webhook with our address, or makes it, for all types of events. However often and by however many
 * nodes, there is one.
 */
export async function registerWebhook(connection: PayPalConnection, url: string): Promise<Registered> {
  if (!connection.simulated && !url.startsWith("https:"))
    return { fault: `PayPal tells nobody but https addresses, and ${url} is none: PUBLIC_URL says how clients reach the edge.` };
  const before = await findWebhook(connection, url);
  if (before) return before;
  const line = { method: "POST", path, body: { url, event_types: [{ name: "*" }] } } as const;
  const made = await connection.send(line, readWebhook);
  if (made.outcome === "ok") return { webhookId: made.value.id };
  // Another node was first, or the answer was lost.
  const after = await findWebhook(connection, url);
  if (after && "webhookId" in after) return after;
  return { fault: `PayPal did not take the webhook: ${made.outcome === "refused" ? `${made.issue}, ${made.detail}` : made.reason}` };
}

/** Null when there is none. */
async function findWebhook(connection: PayPalConnection, url: string): Promise<Registered | null> {
  const listed = await connection.send({ method: "GET", path: `${path}?anchor_type=APPLICATION` }, readWebhooks);
  if (listed.outcome === "ok") {
    const found = listed.value.find((hook) => hook.url === url);
    return found ? { webhookId: found.id } : null;
  }
  return { fault: `PayPal does not list its webhooks: ${listed.outcome === "refused" ? listed.issue : listed.reason}` };
}

/** PayPal tells nothing about the account any more. What is gone already is gone. */
export async function removeWebhook(connection: PayPalConnection, webhookId: string): Promise<void> {
  await connection.send({ method: "DELETE", path: `${path}/${encodeURIComponent(webhookId)}` }, () => true);
}

function readWebhook(body: unknown): Webhook | null {
  const { id, url } = (body ?? {}) as Partial<Record<keyof Webhook, unknown>>;
  return typeof id === "string" && typeof url === "string" ? { id, url } : null;
}

function readWebhooks(body: unknown): Webhook[] | null {
  const list = (body as { webhooks?: unknown } | null)?.webhooks;
  return Array.isArray(list) ? list.map(readWebhook).filter((hook) => hook !== null) : null;
}

/** Registers an account's webhook and writes down its id. @returns the fault, or null */
export async function keepWebhook(
  db: Database,
  connection: PayPalConnection,
  publicUrl: string,
  { id, tenantId }: Pick<PaypalAccountRow, "id" | "tenantId">,
): Promise<string | null> {
  const registered = await registerWebhook(connection, webhookUrl(publicUrl, id));
  if ("fault" in registered) return registered.fault;
  await db.tenant(tenantId, async (em) => {
    const account = await em.findOneOrFail(PaypalAccount, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (account.webhookId === registered.webhookId) return;
    account.webhookId = registered.webhookId;
    account.nextLookAt = null;
  });
  return null;
}

/** Tries again for accounts whose webhook PayPal did not take when they were connected. What still fails is said where they are shown. */
export async function keepMissingWebhooks({ db, publicUrl }: Till, accounts: Accounts): Promise<void> {
  const missing = await takeDue(db, "webhook");
  await Promise.allSettled(missing.map(async (account) => keepWebhook(db, (await accounts.reach(account)).connection, publicUrl, account)));
}
