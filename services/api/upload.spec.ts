import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-upload-"));
const vault = join(folder, "vault");
let database: TestDatabase;
let node: TestNode;
let url: string;
let token: string;
let foreign: string;

beforeAll(async () => {
  Object.assign(process.env, { VAULT_URL: pathToFileURL(vault).href, SYNC_FILE_ROOTS: folder });
  database = await testDatabase();
  node = await testNode(["auth", "sync", "api"], database);
  url = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  const signUp = async (organisation: string) => {
    const body = JSON.stringify({ organisation, email: `${organisation}@example.com`, password: "correct horse battery staple" });
    for (let tries = 1; ; tries++) {
      const answer = await fetch(`${url}/api/v1/organisations`, { method: "POST", body, headers: { "content-type": "application/json" } });
      const { data } = (await answer.json()) as { data?: { token: string } };
      if (data) return data.token;
      // The edge learns the routes of a node a moment after it has come.
      if (tries === 50) throw new Error(`signing up was answered ${answer.status}`);
      await sleep(100);
    }
  };
  token = await signUp("ours");
  foreign = await signUp("theirs");
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  data: { id: string; path: string; version: number; size: number; source: string };
  code?: string;
  errors?: { pointer: string }[];
}
const put = async (query: Record<string, string>, body: Buffer, as = token) => {
  const answer = await fetch(`${url}/api/v1/assets/upload?${new URLSearchParams(query).toString()}`, {
    method: "PUT",
    body: new Uint8Array(body),
    headers: { authorization: `Bearer ${as}` },
  });
  return { status: answer.status, ...((await answer.json()) as Answer) };
};
const content = async (id: string, as = token) =>
  fetch(`${url}/api/v1/assets/${id}/content`, { headers: { authorization: `Bearer ${as}` } });
const objects = () => readdirSync(vault, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

describe("An upload", () => {
  it.each([0, 5, 100_000, 8 * 2 ** 20, 20 * 2 ** 20 + 3])("of %i bytes comes back as it went, and to nobody else", async (size) => {
    const bytes = size === 100_000 ? Buffer.from("text that shrinks, ".repeat(size / 19 + 1)).subarray(0, size) : randomBytes(size);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const { status, data } = await put({ path: `folder/${size}.bin`, sha256 }, bytes);
    expect({ status, path: data.path, size: data.size, version: data.version }).toEqual({
      status: 201,
      path: `folder/${size}.bin`,
      size,
      version: 1,
    });
    expect(Buffer.from(await (await content(data.id)).arrayBuffer()).equals(bytes)).toBe(true);
    expect((await content(data.id, foreign)).status).toBe(404);
  });

  it("over a path that is there makes a version, and equal content is stored once", async () => {
    const before = objects().length;
    const first = await put({ path: "a.txt" }, Buffer.from("one"));
    const second = await put({ path: "a.txt" }, Buffer.from("two"));
    expect(second.data).toMatchObject({ id: first.data.id, version: 2 });
    const copy = await put({ path: "b.txt" }, Buffer.from("one"));
    expect(Buffer.from(await (await content(copy.data.id)).arrayBuffer()).toString()).toBe("one");
    expect(objects().length).toBe(before + 3);
    const { rows } = await database.admin.query("select count(*)::int as packs from sync.packs where doomed_at is not null");
    expect(rows).toEqual([{ packs: 1 }]);
  });

  it("with a wrong checksum, a bad path or no right leaves nothing", async () => {
    const before = objects().length;
    expect(await put({ path: "x", sha256: "0".repeat(64) }, Buffer.from("content"))).toMatchObject({
      status: 422,
      code: "CONTENT_MISMATCH",
    });
    for (const path of ["/absolute", "a/../b", "a//b", "folder/"])
      expect(await put({ path }, Buffer.from("x"))).toMatchObject({ status: 422 });
    expect(await put({}, Buffer.from("x"))).toMatchObject({ status: 422 });
    expect((await put({ path: "x" }, Buffer.from("x"), "no token")).status).toBe(401);
    expect(objects().length).toBe(before);
  });

  it("that breaks off leaves neither an asset nor an object", async () => {
    const before = objects().length;
    const sending = request(`${url}/api/v1/assets/upload?path=broken`, {
      method: "PUT",
      headers: { authorization: `Bearer ${token}`, "content-length": String(30 * 2 ** 20) },
    });
    sending.on("error", () => {});
    sending.write(randomBytes(10 * 2 ** 20));
    await sleep(300);
    sending.destroy();
    for (let tries = 0; tries < 50 && objects().length !== before; tries++) await sleep(50);
    expect(objects().length).toBe(before);
    const { rows } = await database.admin.query("select 1 from sync.assets where path = 'broken'");
    expect(rows).toEqual([]);
  });
});

describe("A job's report", () => {
  it("comes as CSV, with odd names quoted and formulas made harmless", async () => {
    const source = mkdtempSync(join(folder, "source-"));
    const { writeFileSync, symlinkSync } = await import("node:fs");
    for (const name of ['quote " and, comma', "=cmd()", "plain"]) writeFileSync(join(source, name), name);
    symlinkSync("/nowhere", join(source, "lost"));
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const body = JSON.stringify({ input: pathToFileURL(source).href, options: { analyse: false } });
    const { data } = (await (await fetch(`${url}/api/v1/sync/jobs`, { method: "POST", body, headers })).json()) as { data: { id: string } };
    for (let tries = 0; tries < 100; tries++) {
      const job = (await (await fetch(`${url}/api/v1/sync/jobs/${data.id}`, { headers })).json()) as {
        data: { completedAt: string | null };
      };
      if (job.data.completedAt) break;
      await sleep(50);
    }
    const answer = await fetch(`${url}/api/v1/sync/jobs/${data.id}/report.csv`, { headers });
    expect(answer.headers.get("content-type")).toContain("text/csv");
    const lines = (await answer.text()).trimEnd().split("\r\n");
    expect(lines[0]).toBe("path,outcome,size,to,error,message,attempts");
    expect(lines.slice(1, 4)).toEqual(["'=cmd(),stored,6,,,,", "plain,stored,5,,,,", '"quote "" and, comma",stored,18,,,,']);
    expect(lines[4]).toMatch(/^lost,failed,0,,SOURCE_/);
    expect((await fetch(`${url}/api/v1/sync/jobs/${data.id}/report.csv`, { headers: { authorization: `Bearer ${foreign}` } })).status).toBe(
      404,
    );
  });
});
