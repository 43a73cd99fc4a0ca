import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { extract } from "tar-stream";
import { fromBufferPromise } from "yauzl";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import { openFilesLeft } from "../../test/openfiles.ts";
import { archiveName, archiveTime, packTar, packZip, type ArchiveEntry } from "./packing.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-archive-"));
const vault = join(folder, "vault");
const large = randomBytes(20 * 2 ** 20 + 3);
const modifiedAt = "2024-02-03T04:05:06.000Z";
const long = `deep/${"long ".repeat(30)}/${"ü".repeat(40)} 画像.txt`;
let database: TestDatabase;
let node: TestNode;
let url: string;
let token: string;
let foreign: string;
let sourceId: string;
/** Before b.txt changed and c.txt came. */
let before: string;

beforeAll(async () => {
  Object.assign(process.env, { VAULT_URL: pathToFileURL(vault).href, VAULT_FSYNC: "false", LOG_LEVEL: "fatal" });
  database = await testDatabase();
  node = await testNode(["auth", "sync", "api"], database);
  url = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  token = await signUp("ours");
  foreign = await signUp("theirs");
  await put("deep/a.bin", large);
  await put(long, "a long name");
  await put("b.txt", "one");
  await put("empty", "");
  const { rows } = await database.admin.query<{ id: string }>("select id from sync.sources");
  sourceId = rows[0]!.id;
  await sleep(10);
  before = new Date().toISOString();
  await sleep(10);
  await put("b.txt", "two");
  await put("c.txt", "three");
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

async function signUp(organisation: string): Promise<string> {
  const body = JSON.stringify({ organisation, email: `${organisation}@example.com`, password: "correct horse battery staple" });
  for (let tries = 1; ; tries++) {
    const answer = await fetch(`${url}/api/v1/organisations`, { method: "POST", body, headers: { "content-type": "application/json" } });
    const { data } = (await answer.json()) as { data?: { token: string } };
    if (data) return data.token;
    // The edge learns the routes of a node a moment after it has come.
    if (tries === 50) throw new Error(`signing up was answered ${answer.status}`);
    await sleep(100);
  }
}

async function put(path: string, body: string | Buffer): Promise<void> {
  const answer = await fetch(`${url}/api/v1/assets/upload?${new URLSearchParams({ path, modifiedAt, analyse: "false" }).toString()}`, {
    method: "PUT",
    body: new Uint8Array(Buffer.from(body)),
    headers: { authorization: `Bearer ${token}` },
  });
  if (answer.status !== 201) throw new Error(`putting ${path} was answered ${answer.status}`);
}

const archiveUrl = (wish: Record<string, string>) => `${url}/api/v1/assets/archive?${new URLSearchParams(wish).toString()}`;
const archive = (wish: Record<string, string>, as = token) => fetch(archiveUrl(wish), { headers: { authorization: `Bearer ${as}` } });
type Contents = Record<string, { content: Buffer; modified: string }>;

async function unzipped(zip: Buffer): Promise<Contents> {
  const found: Contents = {};
  const file = await fromBufferPromise(zip);
  for await (const entry of file.eachEntry()) {
    const content = Buffer.concat((await (await file.openReadStreamPromise(entry)).toArray()) as Buffer[]);
    found[entry.fileName] = { content, modified: entry.getLastModDate().toISOString() };
  }
  return found;
}

async function untarred(tar: Buffer): Promise<Contents> {
  const found: Contents = {};
  const entries = Readable.from([tar]).pipe(extract());
  for await (const entry of entries) {
    const { name, mtime } = entry.header as { name: string; mtime: Date };
    const parts: Buffer[] = [];
    for await (const part of entry as AsyncIterable<Buffer>) parts.push(part);
    found[name] = { content: Buffer.concat(parts), modified: mtime.toISOString() };
  }
  return found;
}
const readers = { zip: unzipped, tar: untarred };
const packers = { zip: packZip, tar: packTar };
const formats = ["zip", "tar"] as const;

async function contents(format: "zip" | "tar", wish: Record<string, string>): Promise<Contents> {
  const answer = await archive({ format, ...wish });
  expect(answer.status).toBe(200);
  return await readers[format](Buffer.from(await answer.arrayBuffer()));
}

describe.each(formats)("A %s of a source", (format) => {
  it("holds every asset with its path, time and bytes", async () => {
    const found = await contents(format, { source: "upload:///" });
    expect(Object.keys(found).sort()).toEqual(["b.txt", "c.txt", "deep/a.bin", long, "empty"].sort());
    expect(found["deep/a.bin"]!.content.equals(large)).toBe(true);
    expect([long, "b.txt", "empty"].map((path) => found[path]!.content.toString())).toEqual(["a long name", "two", ""]);
    expect(new Set(Object.values(found).map(({ modified }) => modified))).toEqual(new Set([modifiedAt]));
  });

  it("holds what there was at a moment", async () => {
    const found = await contents(format, { sourceId, at: before });
    expect(Object.keys(found).sort()).toEqual(["b.txt", "deep/a.bin", long, "empty"].sort());
    expect(found["b.txt"]!.content.toString()).toBe("one");
  });

  it("holds what is below a prefix, and nothing when there is nothing", async () => {
    expect(Object.keys(await contents(format, { sourceId, prefix: "deep/l" }))).toEqual([long]);
    expect(Object.keys(await contents(format, { sourceId, prefix: "deep/", at: before })).sort()).toEqual(["deep/a.bin", long].sort());
    expect(await contents(format, { sourceId, prefix: "nowhere/" })).toEqual({});
    expect(await contents(format, { sourceId, at: "2020-01-01T00:00:00Z" })).toEqual({});
  });

  it("is there for its own organisation alone", async () => {
    expect((await archive({ format, sourceId }, foreign)).status).toBe(404);
    expect((await archive({ format, source: "upload:///" }, foreign)).status).toBe(404);
    expect((await archive({ format })).status).toBe(422);
    const own = await archive({ format, sourceId, prefix: "deep/" });
    expect(own.headers.get("content-disposition")).toContain(`filename="deep.${format}"`);
    // What is not taken would keep its pack open.
    await own.body!.cancel();
  });

  it("ends its reading when the client leaves", async () => {
    for (let round = 0; round < 5; round++)
      await new Promise<void>((resolve) => {
        const headers = { authorization: `Bearer ${token}` };
        const request = get(archiveUrl({ format, sourceId, prefix: "deep/" }), { headers }, (answer) => {
          answer.once("data", () => request.destroy());
          answer.on("error", () => {}).on("close", resolve);
        });
        request.on("error", () => {});
      });
    expect(await openFilesLeft(vault)).toBe(0);
  });

  it("is made as fast as it is read, and its reading ends with it", async () => {
    const [piece, size] = [Buffer.alloc(256 * 1024), 2 ** 30];
    let read = 0;
    const content = new Readable({
      highWaterMark: piece.length,
      read() {
        read += piece.length;
        this.push(read > size ? null : piece);
      },
    });
    const entries = Readable.from([{ name: "a", size, modifiedAt: new Date(0), content } satisfies ArchiveEntry]);
    const packed = packers[format](entries as AsyncIterable<ArchiveEntry>);
    for (let taken = 0; taken < 4; taken++) await packed.next();
    await sleep(100);
    expect(read).toBeLessThan(4 * 2 ** 20);
    await packed.return(undefined);
    expect(content.destroyed).toBe(true);
  });
});

describe("Damage in the vault", () => {
  const objectOf = async (part: number) => {
    const { rows } = await database.admin.query<{ key: string }>(
      `select p.storage_key as key from sync.assets a join sync.blobs b on b.content_id = a.content_id join sync.packs p on p.id = b.pack_id
       where a.path = 'deep/a.bin' and b.part = $1`,
      [part],
    );
    return join(vault, rows[0]!.key);
  };
  const damaged = async (part: number, work: () => Promise<void>) => {
    const file = await objectOf(part);
    const sound = readFileSync(file);
    const broken = Buffer.from(sound);
    broken[100]! ^= 1;
    writeFileSync(file, broken);
    await work().finally(() => writeFileSync(file, sound));
  };

  it.each(formats)("of the first content gives a problem instead of a %s", async (format) => {
    await damaged(0, async () => {
      const answer = await archive({ format, sourceId, prefix: "deep/" });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([500, "application/problem+json; charset=utf-8"]);
    });
  });

  it.each(formats)("further on cuts a %s off", async (format) => {
    await damaged(2, async () => {
      const answer = await archive({ format, sourceId, prefix: "deep/" });
      expect(answer.status).toBe(200);
      await expect(answer.arrayBuffer()).rejects.toThrow();
    });
    expect(Object.keys(await contents(format, { sourceId, prefix: "deep/" })).length).toBe(2);
  });
});

describe("A name in an archive", () => {
  it.each([
    ["plain/pâth.txt", "plain/pâth.txt"],
    ["100%25.txt", "100%25.txt"],
    ["", "single.txt"],
    ["/etc/passwd", "%2Fetc/passwd"],
    ["a//b/", "a/%2Fb%2F"],
    ["../../a/./b/..", "%2E%2E/%2E%2E/a/%2E/b/%2E%2E"],
    ["..a/b..", "..a/b.."],
    ["C:\\autoexec.bat", "C%3A%5Cautoexec.bat"],
  ])("for %j is %j", (path, name) => expect(archiveName(path, "single.txt")).toBe(name));

  it("stands beside a time that the formats know", () => {
    const times = [null, "1901-01-01T00:00:00Z", modifiedAt, "2500-01-01T00:00:00Z"];
    expect(times.map((time) => archiveTime(time).toISOString())).toEqual([
      "1970-01-01T00:00:00.000Z",
      "1970-01-01T00:00:00.000Z",
      modifiedAt,
      "2038-01-19T03:14:07.000Z",
    ]);
  });
});
