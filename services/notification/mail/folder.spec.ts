import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { doorContract, message } from "./door.contract.ts";
import { folderDoor } from "./folder.ts";

const root = mkdtempSync(join(tmpdir(), "legendo-mail-"));
let folder: string;
let count = 0;
beforeEach(() => {
  folder = join(root, `mail-${++count}`);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const open = () => folderDoor(folder, "LEGENDO <sync@sync.example>");

describe("a folder of mails", () => {
  doorContract(open, () => Promise.resolve(readdirSync(folder).map((file) => readFileSync(join(folder, file), "utf8"))));

  it("has one file per mail, however often it is sent, that only its owner reads", async () => {
    const door = open();
    for (let i = 0; i < 2; i++) await door.send(message("one"));
    expect(readdirSync(folder)).toEqual(["one.eml"]);
    expect(statSync(join(folder, "one.eml")).mode & 0o077).toBe(0);
    expect(statSync(folder).mode & 0o077).toBe(0);
  });

  it("that can't be written refuses mails for now, not for good", async () => {
    writeFileSync(folder, "a file in the way");
    chmodSync(folder, 0o400);
    expect(await open().send(message("two"))).toMatchObject({ outcome: "refused", forGood: false, code: null });
    expect(existsSync(join(folder, "two.eml"))).toBe(false);
  });
});
