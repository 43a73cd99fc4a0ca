import { readFileSync } from "node:fs";
import type { Env } from "../../../config/env.ts";
import type { Log } from "../../../mixins/relay.ts";
import { noDoor, type MailDoor } from "./door.ts";
import { folderDoor } from "./folder.ts";
import { smtpDoor } from "./smtp.ts";

type Settings = Pick<Env, "SMTP_URL" | "SMTP_CA_FILE" | "MAIL_FOLDER" | "MAIL_FROM">;

/** The door that the environment asks for; says so where mails do not leave the house. */
export function configuredDoor(settings: Settings, log: Pick<Log, "info" | "warn">): MailDoor {
  const { SMTP_URL: url, SMTP_CA_FILE: caFile, MAIL_FOLDER: folder, MAIL_FROM: from } = settings;
  if (url) return smtpDoor({ url, from, ...(caFile && { ca: readFileSync(caFile, "utf8") }) });
  if (folder) {
    log.info(`SMTP_URL is not set: mails are put into ${folder}`);
    return folderDoor(folder, from);
  }
  log.warn("neither SMTP_URL nor MAIL_FOLDER is set: mails wait, and are given up in the end");
  return noDoor;
}
