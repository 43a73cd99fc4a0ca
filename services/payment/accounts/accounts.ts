import { LRUCache } from "lru-cache";
import { platform } from "../../../config/permissions.ts";
import type { PaypalEnvironment } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import type { KeyManager } from "../../../mixins/vault/keys.ts";
import { paypalConnection, type PayPalOptions } from "../gateway/connection.ts";
import { redisToken } from "../gateway/sharedtoken.ts";
import { fetchGrant } from "../gateway/token.ts";
import { isPayPal, originOf } from "../gateway/transport.ts";
import { paypalOf, type PayPal } from "../till.ts";
import { paypalTrust, simulatorTrust, type Trust } from "../webhooks/trust.ts";
import { openSecret } from "./secret.ts";

export interface Credentials {
  environment: PaypalEnvironment;
  clientId: string;
  clientSecret: string;
}

export interface AccountSettings {
  clusterSecret: string;
  keys: KeyManager;
  /** The platform's account, for organisations without one of their own. */
  configured: Credentials | null;
  /** The simulator's origin instead of the sandbox's. */
  url?: string;
  /** For every connection. */
  options?: Pick<PayPalOptions, "timeoutMs" | "breaker" | "rate">;
}

/** What a call may take before its outcome counts as unknown, milliseconds. */
const timeoutMs = 10_000;
/** How long a node works with what it last read of an organisation's accounts, milliseconds: so soon every node knows of a change. */
const recheckMs = 3_000;
/** How long a connection that makes room for another one still serves who has it, milliseconds: longer than any piece of work with it takes. */
const lingerMs = 3_600_000;

/** The PayPal accounts of all organisations as one node reaches them: each with a token, a breaker and a rate of its own, so that one's trouble is not another's. */
export class Accounts {
  readonly settings: AccountSettings;
  readonly #db: Database;
  readonly #redis: Redis;
  readonly #read = new LRUCache<string, { account: PaypalAccountRow | null }>({ max: 5_000, ttl: recheckMs });
  readonly #roots = new LRUCache<string, readonly string[]>({ max: 10, ttl: recheckMs });
  readonly #open: LRUCache<string, PayPal>;
  readonly #opening = new Map<string, Promise<PayPal>>();
  readonly #lingering = new Map<PayPal, NodeJS.Timeout>();

  /** @param most connections kept */
  constructor(db: Database, redis: Redis, settings: AccountSettings, most = 500) {
    this.#open = new LRUCache({ max: most, dispose: (paypal) => this.#linger(paypal) });
    this.#db = db;
    this.#redis = redis;
    this.settings = settings;
  }

  /**
   * PayPal as an organisation reaches it.
   * @param accountId what an earlier payment was made with, null for the platform's; left out for what is new
   * @throws SERVICE_UNAVAILABLE without any credentials, PAYMENT_GATEWAY_DENIED when those of that account were erased
   */
  async paypal(tenantId: string, accountId?: string | null): Promise<PayPal> {
    if (accountId === null) return this.#platform();
    const account = await this.#account(tenantId, accountId);
    return account ? await this.reach(account) : this.#platform();
  }

  /** @throws as `paypal` */
  async reach(account: PaypalAccountRow): Promise<PayPal> {
    if (account.id === platform) return this.#platform();
    const name = `${account.id} ${account.version}`;
    const known = this.#open.get(name);
    if (known) return known;
    const opening = this.#opening.get(name) ?? this.#openOwn(name, account).finally(() => this.#opening.delete(name));
    this.#opening.set(name, opening);
    return await opening;
  }

  async #openOwn(name: string, account: PaypalAccountRow): Promise<PayPal> {
    const clientSecret = await openSecret(this.settings.keys, account);
    if (clientSecret === null)
      throw errors.gatewayDenied(
        `The PayPal account ${account.clientId} was disconnected: connect it again to go on with what was paid by it.`,
      );
    const { environment, clientId } = account;
    return this.#keep(name, account.id, { environment, clientId, clientSecret });
  }

  /**
   * Gets a token with credentials that nobody has tried yet.
   * @throws PAYMENT_GATEWAY_DENIED, PAYMENT_GATEWAY_UNAVAILABLE, VALIDATION_FAILED when they would go to a stranger
   */
  async tryOut({ environment, clientId, clientSecret }: Credentials): Promise<void> {
    await fetchGrant(this.#originOf(environment), clientId, clientSecret, timeoutMs);
  }

  /** Whose signatures on an account's events are believed. */
  trust({ environment }: Pick<PaypalAccountRow, "environment">): Trust {
    const origin = this.#originOf(environment);
    return isPayPal(origin) ? paypalTrust(environment) : simulatorTrust(origin, () => this.#simulatorRoots(origin));
  }

  /** Whether a simulator stands in for the sandbox. */
  get simulated(): boolean {
    const { url } = this.settings;
    return url !== undefined && !isPayPal(url);
  }

  /** This node looks again at once. */
  forget(tenantId: string): void {
    for (const name of [...this.#read.keys()]) if (name.startsWith(tenantId)) this.#read.delete(name);
  }

  close(): void {
    this.#open.clear();
    for (const [paypal, timer] of this.#lingering) {
      clearTimeout(timer);
      paypal.connection.close();
    }
    this.#lingering.clear();
  }

  /** Somebody may be in the middle of a payment with it: a breaker that is shut down refuses what was never sent. */
  #linger(paypal: PayPal): void {
    const close = () => {
      this.#lingering.delete(paypal);
      paypal.connection.close();
    };
    this.#lingering.set(paypal, setTimeout(close, lingerMs).unref());
  }

  #platform(): PayPal {
    const { configured } = this.settings;
    if (!configured)
      throw errors.unavailable(
        "There is no PayPal account for these payments: neither has the organisation connected one, nor are PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET set on this node.",
      );
    return this.#open.get(platform) ?? this.#keep(platform, null, configured);
  }

  #keep(name: string, accountId: string | null, credentials: Credentials): PayPal {
    const { environment, clientId, clientSecret } = credentials;
    const account = [this.#originOf(environment), clientId, clientSecret];
    const sharedToken = redisToken(this.#redis, this.settings.clusterSecret, account);
    const paypal = paypalOf(paypalConnection({ ...this.#optionsOf(credentials), sharedToken }), accountId);
    this.#open.set(name, paypal);
    return paypal;
  }

  #optionsOf(credentials: Credentials): PayPalOptions {
    return { ...credentials, url: this.#originOf(credentials.environment), timeoutMs, ...this.settings.options };
  }

  #originOf(environment: PaypalEnvironment): string {
    if (!this.simulated) return originOf(environment);
    if (environment === "production")
      throw errors.invalid([{ pointer: "/environment", detail: "can't be production: this cluster works with a simulator of PayPal" }]);
    return originOf(environment, this.settings.url);
  }

  /** A simulator tells its own authority, a new one whenever it is started anew. Whoever listens there can say what he likes anyhow. */
  async #simulatorRoots(origin: string): Promise<readonly string[]> {
    const known = this.#roots.get(origin);
    if (known) return known;
    const reply = await fetch(`${origin}/simulator/root.pem`, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
    if (!reply.ok) throw errors.gatewayUnavailable(`The simulator has no root certificate: ${reply.status}.`);
    const roots = [await reply.text()];
    this.#roots.set(origin, roots);
    return roots;
  }

  async #account(tenantId: string, accountId: string | undefined): Promise<PaypalAccountRow | null> {
    const name = `${tenantId} ${accountId ?? ""}`;
    const known = this.#read.get(name);
    if (known) return known.account;
    const account = await this.#db.tenant(tenantId, (em) => findAccount(em, tenantId, accountId));
    this.#read.set(name, { account });
    return account;
  }
}

/**
 * The organisation's account for new payments; or that one, or what has taken its place: the same account connected again.
 * @throws PAYPAL_ACCOUNT_NOT_FOUND for an id that is not the organisation's
 */
async function findAccount(em: Em, tenantId: string, id: string | undefined): Promise<PaypalAccountRow | null> {
  if (id === undefined) return await em.findOne(PaypalAccount, { tenantId, retiredAt: null });
  const account = await em.findOne(PaypalAccount, { tenantId, id });
  if (!account) throw errors.paypalAccountNotFound("There is no such PayPal account.", { id });
  if (account.sealedSecret) return account;
  const { clientId, environment } = account;
  const again = await em.findOne(
    PaypalAccount,
    { tenantId, clientId, environment, sealedSecret: { $ne: null } },
    { orderBy: { createdAt: "desc" } },
  );
  return again ?? account;
}
