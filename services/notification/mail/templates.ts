import { readFile } from "node:fs/promises";
import Type, { type TObject } from "typebox";
import { Compile } from "typebox/compile";
import { strict } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { faultsOf } from "../../../mixins/validator.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** One line as people write it. */
const line = (description: string, maxLength = 300) =>
  Type.String({ description, minLength: 1, maxLength, pattern: "^[^\\u0000-\\u001F\\u007F]+$" });
/** Mails link to nowhere but this cluster. */
const link = Type.String({ description: "Path below PUBLIC_URL.", maxLength: 2000, pattern: "^/(?!/)[\\x21-\\x7E]*$" });
const count = Type.String({ description: "A number.", pattern: "^\\d{1,15}$" });
const oneUse = { link, expiresAt: line("Until when the link works, for people to read.") };
const seen = {
  at: line("When, for people to read."),
  address: line("The network address it came from."),
  device: line("What the device calls itself."),
};
const job = { jobId: line("The job."), kind: line("What it does."), link };

interface Template {
  data: TObject;
  /** How long it is worth delivering, ms: attempts end with it. */
  worthMs: number;
}

/** The mails that there are; the text of each is the file of its name in templates/. */
const templates = {
  invitation: {
    data: strict({ organisation: line("Its name."), inviter: line("Who invites."), role: line("As what."), ...oneUse }),
    worthMs: 2 * day,
  },
  "address-confirmation": { data: strict(oneUse), worthMs: day },
  "password-reset": { data: strict(oneUse), worthMs: 30 * minute },
  "new-sign-in": { data: strict(seen), worthMs: day },
  "second-factor-changed": { data: strict({ change: line("What is different now."), ...seen }), worthMs: 2 * day },
  "sessions-ended": { data: strict(seen), worthMs: 2 * day },
  "api-key-leaked": { data: strict({ organisation: line("Its name."), name: line("The key's."), at: seen.at }), worthMs: 2 * day },
  invoice: {
    data: strict({
      document: line("Invoice or credit note."),
      number: line("Its number."),
      seller: line("Whose it is."),
      amount: line("Over how much."),
    }),
    worthMs: 2 * day,
  },
  "job-completed": { data: strict({ ...job, stored: count, unchanged: count, failed: count }), worthMs: day },
  "job-failed": {
    data: strict({ ...job, progress: count, error: line("Its type."), reason: line("Its message.", 2000) }),
    worthMs: day,
  },
  "job-approval": { data: strict({ ...job, reason: line("Why it waits.", 2000) }), worthMs: day },
} satisfies Record<string, Template>;
export type TemplateName = keyof typeof templates;
export type TemplateData = Record<string, string>;

export const templateNames = Object.keys(templates) as TemplateName[];
const checks = new Map(templateNames.map((name) => [name as string, Compile(templates[name].data)]));

/** @throws VALIDATION_FAILED for an unknown template, or naming every fault of its data */
export function checkTemplate(name: string, data: TemplateData): TemplateName {
  const check = checks.get(name);
  if (!check) throw errors.invalid([{ pointer: "/template", detail: `must be one of ${templateNames.join(", ")}` }]);
  const faults = check.Check(data) ? [] : faultsOf(check, data, "/data");
  if (faults.length) throw errors.invalid(faults);
  return name as TemplateName;
}

export const worthOf = (name: TemplateName): number => templates[name].worthMs;

const texts = new Map<TemplateName, Promise<string>>();

/** The text of a template's file. */
export function textOf(name: TemplateName): Promise<string> {
  const text = texts.get(name) ?? readFile(new URL(`./templates/${name}.txt`, import.meta.url), "utf8");
  texts.set(name, text);
  return text;
}
