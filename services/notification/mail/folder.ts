import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import { messageOf } from "../../../config/errors.ts";
import { compose } from "./compose.ts";
import type { MailDoor } from "./door.ts";

/** Puts mails into a folder, as files that mail programs open: for a cluster that has no mail server. */
export function folderDoor(folder: string, from: string): MailDoor {
  const transport = createTransport({ streamTransport: true, buffer: true });
  return {
    async send(message) {
      try {
        const made = await transport.sendMail(compose(from, message));
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const file = join(folder, `${message.id}.eml`);
        // Under its name it is whole. Links in it open accounts: it is for its owner's eyes.
        await writeFile(`${file}.part`, made.message as Buffer, { mode: 0o600 });
        await rename(`${file}.part`, file);
        return { outcome: "ok" };
      } catch (error) {
        return { outcome: "refused", forGood: false, code: null, reason: `It could not be written: ${messageOf(error)}.` };
      }
    },
    close: () => transport.close(),
  };
}
