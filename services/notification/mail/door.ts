import type { Attachment } from "./attachments.ts";

/** A mail as it is to leave. */
export interface Message {
  /** The same for every attempt; receivers may drop a repeat by it. */
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  attachments: Attachment[];
}

/**
 * How an attempt ended. `refused`: it was not taken, for good (no such mailbox) or for now; `code` is the server's reply. `unknown`: nobody
 * can say whether it was taken, so that another attempt may make a second copy.
 */
export type Verdict =
  | { outcome: "ok" }
  | { outcome: "refused"; forGood: boolean; code: number | null; reason: string }
  | { outcome: "unknown"; reason: string };

/** The narrow door to whatever carries mail. Adapters: smtp.ts, folder.ts; door.contract.ts is what each has to pass. */
export interface MailDoor {
  /** One attempt. Never throws. */
  send(message: Message): Promise<Verdict>;
  close(): void;
}

/** Where neither is configured: mails wait, and are given up when they are not worth sending any more. */
export const noDoor: MailDoor = {
  send: () =>
    Promise.resolve({
      outcome: "refused",
      forGood: false,
      code: null,
      reason: "No mail server is configured: SMTP_URL is not set, nor is MAIL_FOLDER.",
    }),
  close: () => {},
};
