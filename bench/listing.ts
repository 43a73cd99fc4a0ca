import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { root } from "../scripts/cluster.ts";
import { say } from "../scripts/terminal.ts";
import { withoutIndexes } from "../test/catalogue.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { withServers } from "../test/servers.ts";
import { startNode, type Planned } from "./listing/node.ts";

// npm run bench -- listing: the memory of a sync node that plans very long listings, everything in one folder.
const { values } = parseArgs({
  options: { entries: { type: "string", default: "5000000" }, files: { type: "string", default: "2000000" } },
});
const entries = Number(values.entries);
const files = Number(values.files);
/** MiB. */
const aim = 300;

/** Empty files. */
function fill(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (let i = 0; i < files; i++) writeFileSync(join(folder, `IMG_${String((i * 15_485_863) % files).padStart(9, "0")}.jpg`), "");
}

/** Catalogues what a plan was about to fetch, as if it had been: the next plan meets as many assets as entries. */
async function catalogue({ admin }: TestDatabase, jobId: string): Promise<void> {
  const write = () =>
    admin.query(
      `insert into sync.assets (tenant_id, source_id, path, name, content_id, size, fingerprint)
     select j.tenant_id, j.source_id, i.path, i.path, sha256(i.path::bytea), i.size, i.fingerprint
     from sync.sync_jobs j join sync.batches b on b.job_id = j.id
     cross join lateral jsonb_to_recordset(b.items) as i(path text, size bigint, fingerprint text) where j.id = $1`,
      [jobId],
    );
  await withoutIndexes(admin, async () => void (await write()));
  await admin.query("vacuum (analyze) sync.assets");
}

const most = await withServers(async (folder) => {
  const world = await testDatabase();
  const server = fork(join(root, "bench/listing/server.ts"), [String(entries)], { execArgv: ["--no-warnings"] });
  const port = await new Promise<number>((resolve) => server.once("message", (message: { port: number }) => resolve(message.port)));
  const full = join(folder, "full");
  const node = await startNode(world, folder, { SYNC_PRIVATE_HOSTS: `127.0.0.1:${port}`, SYNC_FILE_ROOTS: folder });
  let most = 0;
  const plan = async (name: string, expected: number, tenantId: string, input: string, access: object = {}): Promise<Planned> => {
    const planned = await node.plan(tenantId, input, access);
    if (planned.listed !== expected) throw new Error(`${name}: ${planned.listed} entries were listed instead of ${expected}`);
    most = Math.max(most, planned.memory);
    const { listed, unchanged, seconds, memory } = planned;
    say(
      `${name.padEnd(36)} ${listed} entries, ${unchanged} unchanged, ${seconds.toFixed(0).padStart(4)} s, at most ${memory.toFixed(0)} MiB`,
    );
    return planned;
  };
  try {
    const tenantId = randomUUID();
    const bucket = { s3: { endpoint: `http://127.0.0.1:${port}` } };
    const { jobId } = await plan("a bucket, for the first time", entries, tenantId, "s3://listing/", bucket);
    await catalogue(world, jobId);
    await plan("the same bucket, nothing changed", entries, tenantId, "s3://listing/", bucket);
    await plan("a manifest of as many lines", entries, randomUUID(), `http://127.0.0.1:${port}/manifest`, {
      http: { listing: "manifest" },
    });
    say(`making ${files} files`);
    fill(full);
    await plan("a folder", files, randomUUID(), pathToFileURL(full).href);
    return most;
  } finally {
    await node.stop();
    await world.drop();
    server.disconnect();
  }
});
say(`the node's memory was at most ${most.toFixed(0)} MiB, aim ${aim}: ${most <= aim ? "reached" : "missed"}`);
process.exit(most <= aim ? 0 : 1);
