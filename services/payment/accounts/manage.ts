import { LockMode } from "@mikro-orm/postgresql";
import { v7 as uuidv7 } from "uuid";
import type { PaypalEnvironment } from "../../../config/states.ts";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Till } from "../till.ts";
import type { Accounts, Credentials } from "./accounts.ts";
import { movingIn } from "./moving.ts";
import { sealSecret } from "./secret.ts";
import { keepWebhook, removeWebhook, webhookUrl } from "./webhook.ts";

/** An account as its organisation sees it; its secret is shown to nobody. */
export interface ShownAccount {
  id: string;
  environment: PaypalEnvironment;
  clientId: string;
  /** active: new payments are made with it; retired: earlier ones go on with it; disconnected: its secret was erased. */
  status: "active" | "retired" | "disconnected";
  webhook: { id: string | null; url: string };
  createdAt: string;
  retiredAt: string | null;
}

export const showAccount = (account: PaypalAccountRow, publicUrl: string): ShownAccount => ({
  id: account.id,
  environment: account.environment,
  clientId: account.clientId,
  status: !account.sealedSecret ? "disconnected" : account.retiredAt ? "retired" : "active",
  webhook: { id: account.webhookId ?? null, url: webhookUrl(publicUrl, account.id) },
  createdAt: account.createdAt.toISOString(),
  retiredAt: account.retiredAt?.toISOString() ?? null,
});

/** What became of the webhook; null when PayPal tells us. */
export type Connected = ShownAccount & { fault: string | null };

/**
 * Makes an account the one that the organisation's new payments are made with. Its credentials are tried first; what was connected before goes on with its own payments.
 * @throws VALIDATION_FAILED when PayPal refuses the credentials, PAYMENT_GATEWAY_UNAVAILABLE when it can't be asked; nothing has changed then
 */
export async function connectAccount(till: Till, accounts: Accounts, tenantId: string, credentials: Credentials): Promise<Connected> {
  await tryCredentials(accounts, credentials);
  const id = uuidv7();
  const { environment, clientId, clientSecret } = credentials;
  const sealed = await sealSecret(accounts.settings.keys, tenantId, id, clientSecret);
  const stored = await till.db.tenant(tenantId, async (em) => {
    await em.execute(`select pg_advisory_xact_lock(hashtextextended(?, 0))`, [`paypal accounts ${tenantId}`]);
    await em.nativeUpdate(PaypalAccount, { tenantId, retiredAt: null }, { retiredAt: new Date() });
    const account = em.create(PaypalAccount, { id, tenantId, environment, clientId, ...sealed, createdAt: new Date() });
    await em.persist(account).flush();
    describeAct({ object: `paypal-account:${id}`, details: { environment, clientId } });
    return account;
  });
  accounts.forget(tenantId);
  return await told(till, accounts, stored);
}

/** Tries once more to have PayPal tell us about an account. @throws PAYPAL_ACCOUNT_NOT_FOUND, PAYMENT_GATEWAY_DENIED when it was disconnected */
export async function registerAgain(till: Till, accounts: Accounts, tenantId: string, id: string): Promise<Connected> {
  return await told(till, accounts, await till.db.tenant(tenantId, (em) => locked(em, tenantId, id)));
}

async function told(till: Till, accounts: Accounts, account: PaypalAccountRow): Promise<Connected> {
  const { connection } = await accounts.reach(account);
  const fault = await keepWebhook(till.db, connection, till.publicUrl, account);
  return { ...(await readAccount(till, account.tenantId, account.id)), fault };
}

/** The organisation's accounts, newest first. */
export async function listAccounts({ db, publicUrl }: Till, tenantId: string): Promise<ShownAccount[]> {
  const found = await db.tenant(tenantId, (em) => em.find(PaypalAccount, { tenantId }, { orderBy: { id: "desc" }, limit: 100 }));
  return found.map((account) => showAccount(account, publicUrl));
}

/** @throws PAYPAL_ACCOUNT_NOT_FOUND, also for another organisation's */
export async function readAccount({ db, publicUrl }: Till, tenantId: string, id: string): Promise<ShownAccount> {
  return showAccount(await db.tenant(tenantId, (em) => locked(em, tenantId, id)), publicUrl);
}

async function locked(em: Em, tenantId: string, id: string, lockMode = LockMode.NONE): Promise<PaypalAccountRow> {
  const account = await em.findOne(PaypalAccount, { tenantId, id }, { lockMode });
  if (!account) throw errors.paypalAccountNotFound("There is no such PayPal account.", { id });
  return account;
}

/** Takes a new secret of the same account. @throws as `connectAccount`, and CONFLICT for one that was disconnected */
export async function rotateSecret(
  till: Till,
  accounts: Accounts,
  tenantId: string,
  id: string,
  clientSecret: string,
): Promise<ShownAccount> {
  const known = await till.db.tenant(tenantId, (em) => locked(em, tenantId, id));
  if (!known.sealedSecret) throw errors.conflict("This account was disconnected: connect it again.", { id });
  const { environment, clientId } = known;
  await tryCredentials(accounts, { environment, clientId, clientSecret });
  const sealed = await sealSecret(accounts.settings.keys, tenantId, id, clientSecret);
  await till.db.tenant(tenantId, async (em) => {
    const account = await locked(em, tenantId, id, LockMode.PESSIMISTIC_WRITE);
    Object.assign(account, sealed);
    account.version++;
    describeAct({ details: { clientId } });
  });
  accounts.forget(tenantId);
  return await readAccount(till, tenantId, id);
}

/**
 * Erases an account's secret and has PayPal tell nothing about it any more. New payments are made with the platform's account, if there is one.
 * @param force although payments are under way that nobody can settle then
 * @throws PAYPAL_ACCOUNT_NOT_FOUND, CONFLICT while payments, refunds, captures or authorizations are under way, disputes open, or subscriptions running
 */
export async function disconnectAccount(
  till: Till,
  accounts: Accounts,
  tenantId: string,
  id: string,
  force: boolean,
): Promise<ShownAccount> {
  const known = await till.db.tenant(tenantId, (em) => locked(em, tenantId, id));
  await till.db.tenant(tenantId, async (em) => {
    const account = await locked(em, tenantId, id, LockMode.PESSIMISTIC_WRITE);
    const { payments, disputes, subscriptions } = await movingIn(em, tenantId, id);
    const count = payments + disputes + subscriptions;
    if (count && !force) {
      const what = `${payments} payments made with this account are under way, ${disputes} disputes are open, and ${subscriptions} subscriptions run`;
      throw errors.conflict(`${what}; nobody could settle them.`, { id, count, disputes, subscriptions });
    }
    account.masterKeyId = account.sealedSecret = account.webhookId = null;
    account.retiredAt ??= new Date();
    account.version++;
    describeAct({ details: { clientId: account.clientId, forced: count > 0 } });
  });
  accounts.forget(tenantId);
  // By the credentials as they were: afterwards there are none.
  if (known.webhookId && known.sealedSecret) await removeWebhook((await accounts.reach(known)).connection, known.webhookId);
  return await readAccount(till, tenantId, id);
}

/** @throws VALIDATION_FAILED when PayPal refuses them */
async function tryCredentials(accounts: Accounts, credentials: Credentials): Promise<void> {
  try {
    await accounts.tryOut(credentials);
  } catch (error) {
    if (failureType(error) !== "PAYMENT_GATEWAY_DENIED") throw error;
    throw errors.invalid([{ pointer: "/clientSecret", detail: messageOf(error) }]);
  }
}
