import { createTransport, type NodemailerError } from "nodemailer";
import CircuitBreaker from "opossum";
import { messageOf } from "../../../config/errors.ts";
import { compose } from "./compose.ts";
import type { MailDoor, Message, Verdict } from "./door.ts";

export interface SmtpOptions {
  /** smtp://user:password@host:587, or smtps:// for TLS from the first byte. */
  url: string;
  /** "Name <address>". */
  from: string;
  /** Certificate of the authority that signed the server's, PEM, where the system's do not know it. */
  ca?: string;
  /** After which an attempt is given up, milliseconds. */
  timeoutMs?: number;
  breaker?: CircuitBreaker.Options;
}

type Failure = Partial<NodemailerError> & { responseCode?: number; command?: string; syscall?: string };

/**
 * Sends by SMTP (RFC 5321), encrypted where the server offers STARTTLS (RFC 3207); where the URL has credentials it must, or they would
 * be readable on the way.
 */
export function smtpDoor({ url, from, ca, timeoutMs = 30_000, breaker: options }: SmtpOptions): MailDoor {
  const { protocol, hostname, port, username, password } = new URL(url);
  const secure = protocol === "smtps:";
  const transport = createTransport({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (secure ? 465 : 587),
    secure,
    requireTLS: username !== "",
    ...(username && { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } }),
    tls: { minVersion: "TLSv1.2", ...(ca && { ca }) },
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  const breaker = new CircuitBreaker((message: Message) => transport.sendMail(compose(from, message)), {
    name: "smtp",
    timeout: timeoutMs + 1_000,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: 10_000,
    rollingCountTimeout: 30_000,
    // A refusal of this mail or its recipient is an answer: only outages open the breaker.
    errorFilter: (error: Failure) => isAboutMail(error),
    ...options,
  });
  return {
    async send(message) {
      try {
        await breaker.fire(message);
        return { outcome: "ok" };
      } catch (error) {
        return verdictOf(error as Failure);
      }
    },
    close() {
      breaker.shutdown();
      transport.close();
    },
  };
}

/** What the server said of the recipient or of the content; what it says of us (greeting, sign-in, sender) holds for every mail. */
const isAboutMail = ({ code, command }: Failure): boolean => (code === "EENVELOPE" && command !== "MAIL FROM") || code === "EMESSAGE";

/** What can't have been taken: it was refused, or its content was never sent. */
const before = new Set(["EOPENBREAKER", "EDNS", "EAUTH", "ETLS", "EREQUIRETLS", "ENOAUTH"]);

function verdictOf(error: Failure): Verdict {
  const { responseCode, code = "", syscall } = error;
  const reason = (messageOf(error) || code || "unknown").replace(/[\p{Cc}\s]+/gu, " ").slice(0, 300);
  if (code === "EOPENBREAKER")
    return { outcome: "refused", forGood: false, code: null, reason: "The mail server failed a moment ago and is left alone for a while." };
  if (responseCode) return { outcome: "refused", forGood: responseCode >= 500 && isAboutMail(error), code: responseCode, reason };
  if (before.has(code) || syscall === "connect") return { outcome: "refused", forGood: false, code: null, reason };
  return { outcome: "unknown", reason };
}
