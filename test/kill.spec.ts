import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { testDatabase, type TestDatabase } from "./database.ts";
import { hunt } from "./hunt.ts";

let world: TestDatabase;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "legendo-hunt-"));
  world = await testDatabase();
});
afterAll(async () => {
  await world?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const files = 6_000;

/** Files of growing size, every tenth a copy of another. @returns their paths */
function tree(root: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const path = `${i % 40}/${i}.bin`;
    const original = i % 10 === 9 ? i - 5 : i;
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), `${original} `.repeat((original * 37) % 4_000));
    return path;
  });
}

it("a job whose node is killed, and killed again, completes with every file stored once, in steps that never go back", async () => {
  const root = join(folder, "tree");
  const paths = tree(root, files);
  const outcome = await hunt({
    world,
    folder,
    root,
    kills: 2,
    longestLife: 400,
    oneIn: 10,
    variables: { VAULT_FSYNC: "true" },
    // Four seconds, of which the two that are killed have less than one.
    filesPerSecond: files / 4,
  });
  expect(outcome.job).toMatchObject({ status: "completed", progress: 100, items: { total: files, failed: 0 } });
  expect(outcome.killed).toHaveLength(2);
  expect(outcome.longestGapMs).toBeLessThan(5_000);
  expect([...outcome.assets.keys()].sort()).toEqual(paths.sort());
  expect(new Set(outcome.assets.values())).toEqual(new Set([1]));
  expect(outcome.versions).toBe(files);
  expect(outcome.different).toEqual([]);
  for (const measure of ["percent", "items"] as const) {
    const steps = outcome.progress.map((step) => step[measure]);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  }
}, 120_000);
