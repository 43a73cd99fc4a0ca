import { row, rows, type Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import { isoTime } from "../../../mixins/page.ts";
import type { Schedule } from "../schedule.ts";
import type { Verdict } from "./door.ts";
import type { SealedData } from "./sealed.ts";
import type { TemplateName } from "./templates.ts";

/** PostgreSQL channel that says: a mail has become due. */
export const mailChannel = "notification_mail_due";
const announceDue = (em: Em) => em.execute(`select pg_notify('${mailChannel}', '')`);

/** A mail that was checked and sealed and is to be stored. */
export interface NewMail extends SealedData {
  id: string;
  tenantId: string;
  template: TemplateName;
  to: string;
  /** How long it is worth sending, ms. */
  worthMs: number;
}

/** A mail that this node has to itself until its claim runs out. */
export interface ClaimedMail {
  id: string;
  tenant_id: string;
  template: TemplateName;
  recipient: string;
  master_key_id: string;
  wrapped_key: Buffer;
  sealed_data: Buffer;
  /** This attempt's number, from 1. Only the holder of the latest one may record a failure. */
  attempts: number;
}

/** Stores a mail in the caller's transaction; it leaves when and if that commits. */
export async function storeMail(em: Em, mail: NewMail): Promise<void> {
  await em.execute(
    `insert into notification.mails (id, tenant_id, template, recipient, master_key_id, wrapped_key, sealed_data, next_attempt_at, worth_until)
     values (?, ?, ?, ?, ?, decode(?, 'hex'), decode(?, 'hex'), now(), now() + ? * interval '1 millisecond')`,
    [
      mail.id,
      mail.tenantId,
      mail.template,
      mail.to,
      mail.masterKeyId,
      mail.wrappedKey.toString("hex"),
      mail.sealedData.toString("hex"),
      mail.worthMs,
    ],
    "run",
  );
  await announceDue(em);
}

/** Claims due mails of any tenant: those about accounts first, so that nobody waits for a password behind a thousand jobs. */
export const claimMails = (em: Em, limit: number, claimMs: number): Promise<ClaimedMail[]> =>
  rows<ClaimedMail>(
    em,
    `update notification.mails mail
     set attempts = mail.attempts + 1, claimed_until = now() + ? * interval '1 millisecond'
     from (
       select id from notification.mails
       where status = 'pending' and next_attempt_at <= now() and coalesce(claimed_until < now(), true)
       order by template like 'job-%', next_attempt_at
       limit ?
       for update skip locked
     ) due
     where mail.id = due.id
     returning mail.id, mail.tenant_id, mail.template, mail.recipient, mail.master_key_id, mail.wrapped_key, mail.sealed_data, mail.attempts`,
    [claimMs, limit],
  );

/**
 * Records how an attempt ended, with its event. What was sent is forgotten; what will never be taken, or is not worth another attempt,
 * becomes a dead letter.
 */
export async function recordMail(em: Em, mail: ClaimedMail, verdict: Verdict, schedule: Schedule): Promise<void> {
  if (verdict.outcome === "ok") return await recordSent(em, mail);
  const forGood = verdict.outcome === "refused" && verdict.forGood;
  const code = verdict.outcome === "refused" ? verdict.code : null;
  const wait = forGood ? null : schedule(mail.attempts, null);
  const ended = await row<{ status: string }>(
    em,
    `update notification.mails set
       status = case when next.at is null then 'undelivered' else 'pending' end,
       ended_at = case when next.at is null then now() end,
       next_attempt_at = next.at, claimed_until = null, last_code = ?, last_error = ?
     from (select case when now() + ?::float8 * interval '1 millisecond' < m.worth_until then now() + ?::float8 * interval '1 millisecond' end as at
           from notification.mails m where m.id = ?) next
     where id = ? and status = 'pending' and attempts = ? returning status`,
    [code, verdict.reason, wait, wait, mail.id, mail.id, mail.attempts],
  );
  if (ended?.status === "undelivered")
    await appendEvent(em, "notification", { ...aggregate(mail), type: "notification.mail.undelivered", data: { ...factsOf(mail), code } });
}

async function recordSent(em: Em, mail: ClaimedMail): Promise<void> {
  // Sent is sent, also when another node has claimed it meanwhile; that one's failure then finds nothing pending.
  const recorded = await row(
    em,
    `update notification.mails
     set status = 'sent', ended_at = now(), next_attempt_at = null, claimed_until = null, last_code = null, last_error = null,
         master_key_id = null, wrapped_key = null, sealed_data = null
     where id = ? and status = 'pending' returning id`,
    [mail.id],
  );
  if (recorded) await appendEvent(em, "notification", { ...aggregate(mail), type: "notification.mail.sent", data: factsOf(mail) });
}

const aggregate = (mail: ClaimedMail) => ({ tenantId: mail.tenant_id, stream: `mail:${mail.id}`, actor: "service:notification" });
const factsOf = ({ id, template, attempts }: ClaimedMail) => ({ mailId: id, template, attempts });

/** A mail as operators see it: never what it says. */
export interface ShownMail {
  id: string;
  template: string;
  to: string;
  status: "pending" | "sent" | "undelivered";
  attempts: number;
  lastCode: number | null;
  lastError: string | null;
  createdAt: string;
  endedAt: string | null;
}

const shown = `id, template, recipient as "to", status, attempts, last_code as "lastCode", last_error as "lastError",
  ${isoTime("created_at")} as "createdAt", ${isoTime("ended_at")} as "endedAt"`;

/** Up to a hundred mails of the tenant, newest first. */
export const listMails = (em: Em, status: ShownMail["status"] | undefined): Promise<ShownMail[]> =>
  rows<ShownMail>(
    em,
    `select ${shown} from notification.mails where ?::text is null or status = ? order by created_at desc, id limit 100`,
    [status ?? null, status ?? null],
  );

/** Makes a dead letter due again, with a new schedule. @returns undefined when there is none of that id, or its data is gone */
export async function resendMail(em: Em, id: string, worthMs: number): Promise<ShownMail | undefined> {
  const due = await row<ShownMail>(
    em,
    `update notification.mails set status = 'pending', attempts = 0, next_attempt_at = now(), ended_at = null,
            worth_until = now() + ? * interval '1 millisecond'
     where id = ? and status = 'undelivered' and sealed_data is not null returning ${shown}`,
    [worthMs, id],
  );
  if (due) await announceDue(em);
  return due;
}
