import { once } from "node:events";
import { v7 as uuidv7 } from "uuid";
import { messageOf } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Log } from "../../../mixins/relay.ts";
import type { KeyManager } from "../../../mixins/vault/keys.ts";
import { Dispatcher } from "../dispatcher.ts";
import type { Schedule } from "../schedule.ts";
import type { Attachment } from "./attachments.ts";
import type { MailDoor, Verdict } from "./door.ts";
import { claimMails, mailChannel, recordMail, type ClaimedMail, type NewMail } from "./mails.ts";
import { render } from "./render.ts";
import { openData, sealData } from "./sealed.ts";
import { checkTemplate, textOf, worthOf, type TemplateData } from "./templates.ts";

/** Mails in flight on one node. */
const slots = 8;
/** Longer than an attempt can last; a killed node's mails are taken over after this. */
const claimMs = 60_000;

/**
 * Checks a mail and seals what it says, for storing.
 * @throws VALIDATION_FAILED naming every fault of template and data; what the key manager throws
 */
export async function prepareMail(
  keys: KeyManager,
  tenantId: string,
  { to, template, data, attachments = [] }: { to: string; template: string; data: TemplateData; attachments?: Attachment[] },
): Promise<NewMail> {
  const name = checkTemplate(template, data);
  const id = uuidv7();
  return { id, tenantId, to, template: name, worthMs: worthOf(name), ...(await sealData(keys, tenantId, id, { data, attachments })) };
}

export interface MailTools {
  database: Database;
  listenUrl: string;
  keys: KeyManager;
  door: MailDoor;
  schedule: Schedule;
  /** Where links in mails lead, without a slash at the end. */
  publicUrl: string;
  log: Log;
}

/** Sends due mails. */
export const mailDispatcher = (tools: MailTools): Dispatcher<ClaimedMail> =>
  new Dispatcher<ClaimedMail>({
    what: "mails",
    channel: mailChannel,
    slots,
    listenUrl: tools.listenUrl,
    log: tools.log,
    claim: (free) => tools.database.system((em) => claimMails(em, free, claimMs)),
    deliver: (mail, signal) => deliver(tools, mail, signal),
  });

async function deliver(tools: MailTools, mail: ClaimedMail, signal: AbortSignal): Promise<void> {
  const { database, schedule, log } = tools;
  const over = new AbortController();
  try {
    const stopped = once(signal, "abort", over).catch(() => {});
    // A stopping node leaves an attempt that does not end. Whether it was taken is then not known; the claim runs out before the next one.
    const verdict = await Promise.race([attempt(tools, mail), stopped.then(() => undefined)]);
    if (!verdict) return;
    if (verdict.outcome !== "ok")
      log.warn(`mail ${mail.id} (${mail.template}) was not sent, attempt ${mail.attempts}: ${outcomeOf(verdict)}`);
    await database.tenant(mail.tenant_id, (em) => recordMail(em, mail, verdict, schedule));
  } catch (error) {
    log.warn(`how mail ${mail.id} ended was not recorded, it will be sent again: ${messageOf(error)}`);
  } finally {
    over.abort();
  }
}

/** For the log: without the server's words, which may hold an address. */
const outcomeOf = (verdict: Verdict) =>
  verdict.outcome === "refused" ? `refused${verdict.code ? ` with ${verdict.code}` : ""}` : "unknown";

async function attempt({ keys, door, publicUrl, log }: MailTools, mail: ClaimedMail): Promise<Verdict> {
  const sealed = { masterKeyId: mail.master_key_id, wrappedKey: mail.wrapped_key, sealedData: mail.sealed_data };
  try {
    const { data, attachments } = await openData(keys, mail.tenant_id, mail.id, sealed);
    const rendered = render(await textOf(mail.template), data, publicUrl);
    return await door.send({ id: mail.id, to: mail.recipient, ...rendered, attachments });
  } catch (error) {
    log.error(`mail ${mail.id} can't be made: ${messageOf(error)}`);
    return { outcome: "refused", forGood: false, code: null, reason: "It can't be opened and made now." };
  }
}
