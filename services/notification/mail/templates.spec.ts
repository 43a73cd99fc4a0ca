import { readdirSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { render } from "./render.ts";
import { checkTemplate, templateNames, textOf, worthOf } from "./templates.ts";

const faultsOf = (name: string, data: Record<string, string>) => {
  try {
    checkTemplate(name, data);
  } catch (error) {
    return (error as { data: { faults: { pointer: string; detail: string }[] } }).data.faults;
  }
  return [];
};

/** What a template's file asks for. */
const asked = async (name: (typeof templateNames)[number]) => [
  ...new Set([...(await textOf(name)).matchAll(/\{\{(\w+)\}\}/g)].map(([, field]) => field!)),
];
const example = (field: string) =>
  field === "link" ? "/go?token=1" : /^(stored|unchanged|failed|progress)$/.test(field) ? "7" : `my ${field}`;

describe("templates of mails", () => {
  it("are one file each, and each file one of them", () => {
    const files = readdirSync(new URL("./templates", import.meta.url)).map((file) => file.replace(/\.txt$/, ""));
    expect(files.sort()).toEqual([...templateNames].sort());
  });

  it.each(templateNames)("%s is given all that its text asks for, and nothing that its text does not say", async (name) => {
    const data = Object.fromEntries((await asked(name)).map((field) => [field, example(field)]));
    expect(faultsOf(name, data)).toEqual([]);
    expect(
      faultsOf(name, {})
        .map(({ pointer }) => pointer.slice("/data/".length))
        .sort(),
    ).toEqual(Object.keys(data).sort());
    const { subject, text, html } = render(await textOf(name), data, "https://sync.example");
    for (const rendered of [subject, text, html]) expect(rendered).not.toMatch(/\{\{|\}\}|undefined/);
    for (const value of Object.values(data)) expect(subject + text).toContain(value);
    expect(subject.length).toBeGreaterThan(5);
  });

  it("name every fault of what they are given, without repeating it", () => {
    const data = { link: "https://evil.example/", expiresAt: "now\nBcc: all@example.com", more: "x" };
    expect(faultsOf("password-reset", data)).toEqual([
      { pointer: "/data/more", detail: "is not known here" },
      { pointer: "/data/link", detail: expect.stringContaining("pattern") },
      { pointer: "/data/expiresAt", detail: expect.stringContaining("pattern") },
    ]);
    expect(faultsOf("no-such", {})).toEqual([{ pointer: "/template", detail: expect.stringMatching(/^must be one of .*password-reset/) }]);
  });

  it("are not sent any more when their link has ended", () => {
    expect(worthOf("password-reset")).toBe(30 * 60_000);
  });
});

describe("a rendered mail", () => {
  const template = `Subject: Hello {{name}}\n\nDear {{name}},\n\n[Open {{name}}]({{link}})\n\n- One: {{name}}\n- Two: 2\n\n<b>Bye</b>`;
  const data = { name: `<script>"O'Hara" & {{link}}`, link: "/a?b=1&c=<2>" };
  const { subject, text, html } = render(template, data, "https://sync.example");

  it("says in plain text what it was given, once", () => {
    expect(subject).toBe(`Hello ${data.name}`);
    expect(text).toBe(
      `Dear ${data.name},\n\nOpen ${data.name}:\nhttps://sync.example/a?b=1&c=<2>\n\n- One: ${data.name}\n- Two: 2\n\n<b>Bye</b>\n`,
    );
  });

  it("escapes all of it in HTML that has a language, a title and real lists and links", () => {
    const name = "&lt;script&gt;&quot;O&#39;Hara&quot; &amp; {{link}}";
    expect(html).toContain(`<html lang="en">`);
    expect(html).toContain(`<title>Hello ${name}</title>`);
    expect(html).toContain(`<p><a href="https://sync.example/a?b=1&amp;c=&lt;2&gt;">Open ${name}</a></p>`);
    expect(html).toContain(`<ul>\n<li>One: ${name}</li>\n<li>Two: 2</li>\n</ul>`);
    expect(html).toContain("<p>&lt;b&gt;Bye&lt;/b&gt;</p>");
    expect(html).not.toMatch(/<script|<img|style=|http-equiv/);
  });
});
