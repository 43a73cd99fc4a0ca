import type { DomainEvent, EventType, JobFacts } from "../../../config/events.ts";
import type { JobMail } from "../../../config/states.ts";
import { failureType } from "../../../config/errors.ts";
import type { Subscription } from "../../../mixins/consumer.ts";
import type { KeyManager } from "../../../mixins/vault/keys.ts";
import { storeMail, type NewMail } from "./mails.ts";
import { prepareMail } from "./post.ts";
import type { TemplateData, TemplateName } from "./templates.ts";

type JobEvent = "sync.job.completed" | "sync.job.failed" | "sync.job.parked";

/** Which wish an event fulfils, and by which mail. */
const mailFor = {
  "sync.job.completed": { wish: "completed", template: "job-completed" },
  "sync.job.failed": { wish: "failed", template: "job-failed" },
  "sync.job.parked": { wish: "approval", template: "job-approval" },
} as const satisfies Record<JobEvent, { wish: JobMail; template: TemplateName }>;

const oneLine = (text: string) => text.replace(/[\p{Cc}\s]+/gu, " ").trim();

function dataOf(facts: JobFacts): Record<(typeof mailFor)[JobEvent]["template"], TemplateData> {
  const job = { jobId: facts.jobId, kind: facts.kind, link: `/api/v1/sync/jobs/${facts.jobId}` };
  const { stored, unchanged, failed } = facts.items;
  const why = (facts.approval ?? []).map(({ message }) => message).join(" ") || "it was asked for as a dry run";
  return {
    "job-completed": { ...job, stored: String(stored), unchanged: String(unchanged), failed: String(failed) },
    "job-failed": {
      ...job,
      progress: String(facts.progress),
      error: oneLine(facts.error?.type ?? "") || "unknown",
      reason: oneLine(facts.error?.message ?? "").slice(0, 2000) || "unknown",
    },
    "job-approval": { ...job, reason: oneLine(why).slice(0, 2000) },
  };
}

/** @param addressOf of a member of the organisation; rejects with NOT_FOUND for who is none any more */
type AddressOf = (tenantId: string, userId: string) => Promise<string>;

async function mailOf(event: DomainEvent<JobEvent>, keys: KeyManager, addressOf: AddressOf): Promise<NewMail | undefined> {
  const { wish, template } = mailFor[event.type];
  const { mail } = event.data;
  if (!mail?.on.includes(wish)) return undefined;
  try {
    const to = await addressOf(event.tenantId, mail.userId);
    return await prepareMail(keys, event.tenantId, { to, template, data: dataOf(event.data)[template] });
  } catch (error) {
    if (failureType(error) === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** Mails to whoever made a job and asked for them; each event makes one, however often it is taken. */
export const jobMails = (keys: KeyManager, addressOf: AddressOf): Subscription[] =>
  (Object.keys(mailFor) as JobEvent[]).map((type) => ({
    name: `mail-${mailFor[type].wish}`,
    type: type satisfies EventType,
    concurrency: 4,
    work: (event) => mailOf(event as DomainEvent<JobEvent>, keys, addressOf),
    commit: async (em, _event, mail) => {
      if (mail) await storeMail(em, mail as NewMail);
    },
  }));
