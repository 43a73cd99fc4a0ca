import { hash } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import { errors } from "../../../config/errors.ts";
import { row, type Database } from "../../../mixins/database.ts";
import { subscriberOf } from "../../../mixins/networks.ts";
import { needed, type Redis } from "../../../mixins/redis.ts";
import { addressOf } from "../fields.ts";
import { makeLink, type Purpose } from "../links.ts";
import { forPeople, sendMail } from "../mails.ts";

/** Mails in an hour: to one account; asked for from one address. */
const perHour = { account: 3, address: 30 };

/**
 * Mails a link for a new password, if there is such an account: the answer is the same, and comes at the same time, if there is none.
 * @throws SIGN_IN_DELAYED for an address that asks too often; SERVICE_UNAVAILABLE while Redis is away
 */
export async function forgotPassword(
  db: Database,
  redis: Redis,
  broker: ServiceBroker,
  email: string,
  address: string | undefined,
): Promise<void> {
  const account = addressOf(email);
  if (address !== undefined && !(await counts(redis, `mails:${subscriberOf(address)}`, perHour.address)))
    throw errors.signInDelayed("Too many links were asked for from this address; try again later.", { retryAfter: 600 });
  if (!(await counts(redis, `mails:${hash("sha256", account, "base64url")}`, perHour.account))) return;
  void mailLink(db, broker, "password", account).catch((error: unknown) =>
    broker.logger.warn("A link for a new password was not made.", error),
  );
}

/** Makes a link and mails it to the account of that address, if there is one that is active. */
export async function mailLink(db: Database, broker: ServiceBroker, purpose: Purpose, email: string): Promise<void> {
  const made = await db.system(async (em) => {
    const user = await row<{ id: string }>(em, `select id from auth.users where email = ? and is_active`, [email]);
    return user && (await makeLink(em, purpose, { userId: user.id, email }));
  });
  if (!made) return;
  const template = purpose === "password" ? "password-reset" : "address-confirmation";
  sendMail(broker, { to: email, template, key: made.id, data: { link: made.link, expiresAt: forPeople(made.expiresAt) } });
}

/** Counts one more within the hour. @returns whether it is still within the limit */
export async function counts(redis: Redis, key: string, limit: number): Promise<boolean> {
  const script = `local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], 3600) end return n`;
  return Number(await needed(redis.eval(script, 1, key))) <= limit;
}
