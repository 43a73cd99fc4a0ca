import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepSecrets, loadSecrets } from "./secrets.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "legendo-secrets-"));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("secrets are made once, for their owner's eyes alone, and survive what is added to them", () => {
  const made = loadSecrets(folder);
  keepSecrets(folder, { demoApiKey: "a key" });
  expect(loadSecrets(folder)).toEqual({ ...made, demoApiKey: "a key" });
  expect(statSync(join(folder, "secrets.json")).mode & 0o777).toBe(0o600);
  expect(made.masterKeys).toMatch(/^local1:[A-Za-z0-9+/]{43}=$/);
  expect(made.clusterSecret.length).toBeGreaterThanOrEqual(32);
});

test("damaged secrets are reported, never replaced", () => {
  writeFileSync(join(folder, "secrets.json"), '{"postgresPassword": "half');
  expect(() => loadSecrets(folder)).toThrow(/is not readable JSON/);
  writeFileSync(join(folder, "secrets.json"), '{"postgresPassword": "only"}');
  expect(() => loadSecrets(folder)).toThrow(/lacks redisPassword, natsPassword, clusterSecret, masterKeys, demoPassword/);
});

test("no new secrets are made beside data that the lost ones had sealed", () => {
  mkdirSync(join(folder, "vault"));
  expect(() => loadSecrets(folder)).toThrow(/holds data \(vault\) but its secrets\.json is missing/);
});
