import { createServer, type Server } from "node:net";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { makeCertificates, type Certificates } from "../../../test/servers/certificates.ts";
import { Mailbox, reply } from "../../../test/servers/mailbox.ts";
import { doorContract, message } from "./door.contract.ts";
import type { MailDoor } from "./door.ts";
import { smtpDoor, type SmtpOptions } from "./smtp.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-smtp-"));
let certificates: Certificates;
let mailbox: Mailbox;
let doors: MailDoor[];
beforeAll(() => {
  certificates = makeCertificates(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  doors = [];
  mailbox = await new Mailbox(certificates).start();
});
afterEach(async () => {
  for (const door of doors) door.close();
  await mailbox.stop();
});

function open(options: Partial<SmtpOptions> = {}): MailDoor {
  const door = smtpDoor({ url: mailbox.url(), from: "LEGENDO <sync@sync.example>", ca: certificates.ca, timeoutMs: 5_000, ...options });
  doors.push(door);
  return door;
}

describe("SMTP", () => {
  doorContract(open, () => Promise.resolve(mailbox.received.map(({ raw }) => raw)));

  it("is encrypted by STARTTLS before the password is said", async () => {
    expect(await open().send(message("1"))).toEqual({ outcome: "ok" });
    expect(mailbox.received).toMatchObject([{ encrypted: true, user: "relay", from: "sync@sync.example", to: ["ann@example.org"] }]);
  });

  it("is encrypted from the first byte with smtps://", async () => {
    const secure = await new Mailbox(certificates, { secure: true }).start();
    try {
      expect(await open({ url: secure.url({ scheme: "smtps" }) }).send(message("1"))).toEqual({ outcome: "ok" });
      expect(secure.received).toMatchObject([{ encrypted: true, user: "relay" }]);
    } finally {
      await secure.stop();
    }
  });

  it("never says a password to a server that offers no encryption, nor to one with a certificate nobody vouches for", async () => {
    const plain = await new Mailbox(certificates, { hideSTARTTLS: true, disabledCommands: ["STARTTLS"], allowInsecureAuth: true }).start();
    try {
      expect(await open({ url: plain.url() }).send(message("1"))).toMatchObject({ outcome: "refused", forGood: false });
      expect(plain.received).toEqual([]);
      expect(await open({ url: plain.url({ signedIn: false }) }).send(message("2"))).toEqual({ outcome: "ok" });
    } finally {
      await plain.stop();
    }
    const stranger = smtpDoor({ url: mailbox.url(), from: "sync@sync.example" });
    doors.push(stranger);
    expect(await stranger.send(message("3"))).toMatchObject({ outcome: "unknown", reason: expect.stringContaining("certificate") });
    expect(mailbox.received).toEqual([]);
  });

  it("refuses for good what the server does (550), for now what it can't take just now (452)", async () => {
    mailbox.refuse = (to) => {
      throw to === "nobody@example.org" ? reply(550, "5.1.1 no such mailbox") : reply(452, "4.2.2 mailbox full");
    };
    const door = open();
    expect(await door.send(message("1", "nobody@example.org"))).toMatchObject({ outcome: "refused", forGood: true, code: 550 });
    expect(await door.send(message("2", "full@example.org"))).toMatchObject({ outcome: "refused", forGood: false, code: 452 });
  });

  it("takes a refusal of itself for ours to mend: a wrong password never ends a mail", async () => {
    const url = mailbox.url().replace("relay", "stranger");
    expect(await open({ url }).send(message("1"))).toMatchObject({ outcome: "refused", forGood: false, code: 535 });
  });

  it("does not know what became of a mail when the server hangs up after its content", async () => {
    mailbox.hangUp = true;
    expect(await open().send(message("1"))).toMatchObject({ outcome: "unknown" });
  });

  it("knows that nothing was taken where nobody listens, and leaves such a server alone for a while", async () => {
    const door = open({ breaker: { volumeThreshold: 3, resetTimeout: 60_000 } });
    await mailbox.stop();
    for (let i = 0; i < 3; i++) expect(await door.send(message("1"))).toMatchObject({ outcome: "refused", forGood: false, code: null });
    expect(await door.send(message("2"))).toMatchObject({ outcome: "refused", reason: expect.stringContaining("left alone") });
    mailbox = await new Mailbox(certificates).start();
  });

  it("is not left alone for refusing recipients", async () => {
    mailbox.refuse = (to) => {
      if (to.startsWith("nobody")) throw reply(550, "5.1.1 no such mailbox");
    };
    const door = open({ breaker: { volumeThreshold: 2 } });
    for (let i = 0; i < 6; i++) await door.send(message("1", "nobody@example.org"));
    expect(await door.send(message("2"))).toEqual({ outcome: "ok" });
  });

  it("gives up on a server that says nothing", async () => {
    const silent: Server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const url = `smtp://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const door = open({ url, timeoutMs: 200 });
    expect(await door.send(message("1"))).toMatchObject({ outcome: expect.stringMatching(/refused|unknown/) });
    silent.close();
  });
});
