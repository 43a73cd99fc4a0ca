import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { Certificates } from "./certificates.ts";

export interface ReceivedMail {
  from: string;
  to: string[];
  /** Whether the connection was encrypted, and as whom the sender signed in. */
  encrypted: boolean;
  user: string | undefined;
  /** As it came, and with its quoted-printable parts decoded. */
  raw: string;
  readable: string;
}

/** A refusal by reply code. */
export const reply = (responseCode: number, message: string) => Object.assign(new Error(message), { responseCode });

const decode = (raw: string) =>
  Buffer.from(
    raw.replace(/=\r\n/g, "").replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  ).toString();

/** A mail server on this machine that keeps what it takes, or refuses it as told. */
export class Mailbox {
  readonly received: ReceivedMail[] = [];
  /** Recipients it was asked for, refused ones too. */
  readonly asked: string[] = [];
  /** Throws what a recipient is refused with. */
  refuse: (to: string, times: number) => void = () => {};
  /** Whether to hang up after the content came, without a word. */
  hangUp = false;
  readonly account = { user: "relay", pass: "p@ss:word" };
  private readonly server: SMTPServer;
  private port = 0;

  constructor({ cert, key }: Certificates, options: SMTPServerOptions = {}) {
    this.server = new SMTPServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
      authOptional: true,
      onAuth: ({ username, password }, _session, done) =>
        username === this.account.user && password === this.account.pass
          ? done(null, { user: username })
          : done(reply(535, "5.7.8 no such account")),
      onRcptTo: ({ address }, _session, done) => {
        this.asked.push(address);
        try {
          this.refuse(address, this.asked.length);
          done();
        } catch (error) {
          done(error as Error);
        }
      },
      onData: (stream, session, done) => {
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          if (this.hangUp) {
            for (const connection of this.server.connections) connection._socket.destroy();
            return;
          }
          const raw = Buffer.concat(chunks).toString();
          const { mailFrom, rcptTo } = session.envelope;
          this.received.push({
            from: mailFrom ? mailFrom.address : "",
            to: rcptTo.map(({ address }) => address),
            encrypted: session.secure,
            user: typeof session.user === "string" ? session.user : undefined,
            raw,
            readable: decode(raw),
          });
          done();
        });
      },
      ...options,
    });
    this.server.on("error", () => {});
  }

  async start(): Promise<this> {
    const listening = this.server.listen(this.port, "127.0.0.1");
    await once(listening, "listening");
    this.port = (listening.address() as AddressInfo).port;
    return this;
  }

  /** @param signedIn with the account's name and password */
  url({ signedIn = true, scheme = "smtp" } = {}): string {
    const { user, pass } = this.account;
    return `${scheme}://${signedIn ? `${user}:${encodeURIComponent(pass)}@` : ""}127.0.0.1:${this.port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
