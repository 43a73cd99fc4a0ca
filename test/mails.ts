import type { ServiceSchema } from "moleculer";
import type { ActionMap } from "../config/calls.ts";

export type SentMail = ActionMap["notification.mail.send"]["params"];

/** Takes the mails of the other services in the place of the notification service, for suites that are not about how they are delivered. */
export function mailTaker(): { schema: ServiceSchema; mails: SentMail[] } {
  const mails: SentMail[] = [];
  const take = (ctx: { params: SentMail }) => {
    mails.push(ctx.params);
    return { id: ctx.params.key };
  };
  const send = { description: "Takes a mail.", permission: "internal", handler: take };
  return { schema: { name: "notification.mail", actions: { send } }, mails };
}
