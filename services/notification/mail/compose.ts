import type { SendMailOptions } from "nodemailer";
import type { Message } from "./door.ts";

/** What nodemailer makes the mail of. @param from "Name <address>" */
export const compose = (from: string, { id, to, subject, text, html, attachments }: Message): SendMailOptions => ({
  from,
  // As an object it is one address, whatever it holds; as text it would be parsed as a list.
  to: { name: "", address: to },
  subject,
  text,
  html,
  attachments: attachments.map(({ name, mediaType, base64 }) => ({
    filename: name,
    contentType: mediaType,
    content: Buffer.from(base64, "base64"),
  })),
  messageId: `<${id}@${domainOf(from)}>`,
  // RFC 3834: no vacation notes in answer to a machine.
  headers: { "auto-submitted": "auto-generated" },
  disableFileAccess: true,
  disableUrlAccess: true,
});

const domainOf = (from: string) => /@([^\s<>@]+)>?$/.exec(from)?.[1] ?? "localhost";
