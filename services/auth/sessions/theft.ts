import type { ServiceBroker } from "moleculer";
import type { Client } from "../../../config/permissions.ts";
import { row, type Database } from "../../../mixins/database.ts";
import { forPeople, sendMail } from "../mails.ts";
import type { Ended } from "./end.ts";

/** Tells a person by mail that a refresh token of theirs was used twice, and by whom. */
export async function tellTheft(db: Database, broker: ServiceBroker, { userId, sessionId }: Ended, client: Client): Promise<void> {
  const user = await db.system((em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
  if (!user) return;
  const data = { at: forPeople(Date.now()), address: line(client.address), device: line(client.userAgent) };
  sendMail(broker, { to: user.email, template: "sessions-ended", key: `reuse:${sessionId}`, data });
}

/** What a stranger calls itself goes into a mail as one line. */
const line = (text: string | undefined) => text?.replace(/\p{Cc}/gu, " ").slice(0, 300) || "unknown";
