import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startTransit, type TransitDouble } from "../../../test/kms/transit.ts";
import { keyManagerContract } from "../keys.contract.ts";
import type { KeyManager } from "../keys.ts";
import { transit, type TransitOptions } from "./transit.ts";

const context = { tenantId: "tenant-a", purpose: "tenant-key:1" };
const namespace = "acme/eu";
const folder = mkdtempSync(join(tmpdir(), "legendo-transit-"));
let server: TransitDouble;
beforeAll(async () => {
  server = await startTransit({ keys: ["transit/legendo", "team/transit/other"], namespace });
});
beforeEach(() => void Object.assign(server.faults, { next: 0, unbound: false, harsh: false, silent: false }));
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const open = (options: Partial<TransitOptions> = {}): KeyManager =>
  transit({ url: server.url, key: "transit/legendo", token: server.token, namespace, ...options });

keyManagerContract("Vault Transit", () => Promise.resolve(open()), "transit:transit/lost");

describe("Vault Transit", () => {
  it("goes on opening what another key wrapped, under its mount", async () => {
    const key = randomBytes(32);
    const { keyId, wrapped } = await open({ key: "team/transit/other" }).wrap(key, context);
    expect(keyId).toBe("transit:team/transit/other");
    expect((await open().unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
  });

  it("opens what an older version of its key wrapped, until the server refuses that version", async () => {
    const key = server.keys.get("team/transit/other")!;
    const keys = open({ key: "team/transit/other" });
    const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
    key.versions.push(randomBytes(32));
    await keys.unwrap(keyId, wrapped, context);
    key.lowest = key.versions.length;
    await expect(keys.unwrap(keyId, wrapped, context)).rejects.toMatchObject({
      type: "VAULT_KEY_UNUSABLE",
      message: expect.stringContaining("too old"),
    });
  });

  it("is not used when the server ignores for whom a key was wrapped", async () => {
    server.faults.unbound = true;
    const keys = open();
    await expect(keys.wrap(randomBytes(32), context)).rejects.toMatchObject({
      type: "VAULT_KEY_UNUSABLE",
      message: expect.stringContaining("1.13"),
    });
    server.faults.unbound = false;
    await expect(keys.wrap(randomBytes(32), context)).resolves.toBeDefined();
  });

  it("takes a refusal for one, although the server calls it a fault of its own", async () => {
    const keys = open();
    const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
    server.faults.harsh = true;
    await expect(keys.unwrap(keyId, wrapped, { ...context, tenantId: "tenant-b" })).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  });

  it("reads a renewed token from its file", async () => {
    const tokenFile = join(folder, "token");
    const keys = open({ token: "none", tokenFile });
    await expect(keys.wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_DENIED" });
    writeFileSync(tokenFile, "hvs.old\n");
    await expect(keys.wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_DENIED", retryable: false });
    writeFileSync(tokenFile, `${server.token}\n`);
    await expect(keys.wrap(randomBytes(32), context)).resolves.toBeDefined();
  });

  it("names a namespace that has no such engine", async () => {
    await expect(open({ namespace: "acme" }).wrap(randomBytes(32), context)).rejects.toMatchObject({
      type: "VAULT_KEY_UNUSABLE",
      message: expect.stringContaining("no handler for route"),
    });
  });

  it("tries again while the server is sealed, busy or a standby, and then says so", async () => {
    const keys = open();
    for (const status of [503, 429, 412, 473, 500]) {
      Object.assign(server.faults, { next: 2, status });
      await expect(keys.wrap(randomBytes(32), context)).resolves.toBeDefined();
    }
    Object.assign(server.faults, { next: 3, status: 503 });
    await expect(keys.wrap(randomBytes(32), context)).rejects.toMatchObject({
      type: "VAULT_UNREACHABLE",
      retryable: true,
      message: expect.stringContaining("503"),
    });
  });

  it("is given up when it is silent, and can't be reached when nothing answers there", async () => {
    server.faults.silent = true;
    await expect(open({ timeoutMs: 100 }).wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
    const other = await startTransit({ keys: [] });
    await other.close();
    await expect(open({ url: other.url }).wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });
});
