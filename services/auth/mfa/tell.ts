import { randomUUID } from "node:crypto";
import type { ServiceBroker } from "moleculer";
import type { Client } from "../../../config/permissions.ts";
import { row, type Database } from "../../../mixins/database.ts";
import { forPeople, sendMail } from "../mails.ts";

/**
 * Mails a person that their second factor has changed: whoever has taken their session over would do just that, to stay.
 * @param change for people to read, e.g. "an authenticator app was added"
 */
export async function tellChange(
  { broker, db }: { broker: ServiceBroker; db: Database },
  userId: string,
  change: string,
  { address = "unknown", userAgent = "unknown" }: Client = {},
): Promise<void> {
  const user = await db.system((em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
  const device = userAgent.replace(/\p{Cc}/gu, " ").slice(0, 300) || "unknown";
  const data = { change, at: forPeople(Date.now()), address, device };
  if (user) sendMail(broker, { to: user.email, template: "second-factor-changed", key: `factor:${randomUUID()}`, data });
}
