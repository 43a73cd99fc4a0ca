import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimFolder } from "./lock.ts";
import { holderLine } from "./process.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "legendo-lock-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a claimed folder is refused until it is given back", () => {
  const release = claimFolder(folder);
  expect(() => claimFolder(folder)).toThrow(`${folder} is in use by process ${process.pid}`);
  release();
  claimFolder(folder)();
});

test("the lock of a process that is gone does not count, even when another has its id now", () => {
  const path = join(folder, "start.lock");
  const [pid, started] = holderLine(process.pid).split(" ");
  writeFileSync(path, holderLine(process.pid).replace(`${pid} ${started}`, `${pid} 1`));
  claimFolder(folder)();
});
