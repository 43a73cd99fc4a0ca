import { expect, it } from "@jest/globals";
import type { MailDoor, Message } from "./door.ts";

export const message = (id: string, to = "ann@example.org"): Message => ({
  id,
  to,
  subject: "Grüße & more",
  text: "Plain, with ümlauts\n",
  html: "<p>Rich</p>\n",
  attachments: [],
});

/** What every way out has to do. @param arrived mails that came through, as they came */
export function doorContract(open: () => MailDoor, arrived: () => Promise<string[]>): void {
  it("carries a mail with its text, its HTML, its id and the sender, and says that a machine wrote it", async () => {
    const door = open();
    expect(await door.send(message("0197-a"))).toEqual({ outcome: "ok" });
    door.close();
    const [mail] = await arrived();
    expect(mail).toContain("Message-ID: <0197-a@sync.example>");
    expect(mail).toMatch(/^From: LEGENDO <sync@sync\.example>/m);
    expect(mail).toMatch(/^To: ann@example\.org/m);
    expect(mail).toMatch(/^Auto-Submitted: auto-generated/im);
    expect(mail).toMatch(/^Subject: =\?UTF-8\?/m);
    expect(mail).toContain("multipart/alternative");
    expect(mail).toContain("text/plain; charset=utf-8");
    expect(mail).toContain("<p>Rich</p>");
  });

  it("carries files with it, with their names and bytes", async () => {
    const door = open();
    const base64 = Buffer.from("%PDF-1.7 Łódź").toString("base64");
    await door.send({ ...message("0197-c"), attachments: [{ name: "INV-000001.pdf", mediaType: "application/pdf", base64 }] });
    door.close();
    const mail = (await arrived()).find((one) => one.includes("0197-c"));
    expect(mail).toMatch(/^Content-Disposition: attachment; filename=INV-000001\.pdf/m);
    expect(mail).toMatch(/^Content-Type: application\/pdf/m);
    expect(mail).toContain(base64);
  });

  it("reads no second recipient and no file out of what it is given", async () => {
    const door = open();
    await door.send({
      ...message("0197-b", "ann@example.org, eve@example.org"),
      subject: "a\r\nBcc: eve@example.org",
      html: "file:///etc/hostname",
    });
    door.close();
    for (const mail of await arrived()) expect(mail).not.toMatch(/^Bcc:/m);
  });
}
