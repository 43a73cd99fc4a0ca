import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { frugal } from "../../scripts/nodes.ts";
import { row } from "../../mixins/database.ts";
import type { TestDatabase } from "../../test/database.ts";
import { startProcess } from "../../test/processes.ts";
import { peakMemory } from "../sync/processes.ts";

/** What planning a listing took. */
export interface Planned {
  jobId: string;
  /** Entries. */
  listed: number;
  unchanged: number;
  seconds: number;
  /** Highest resident memory of the node meanwhile, MiB. */
  memory: number;
}

export interface PlanningNode {
  /** Plans a sync and carries nothing out. @throws when the job ends otherwise */
  plan(tenantId: string, input: string, access: object): Promise<Planned>;
  stop(): Promise<void>;
}

/** A sync node of its own. The environment is read once per process: what calls this must not have imported config/env.ts. */
export async function startNode(world: TestDatabase, folder: string, variables: Record<string, string>): Promise<PlanningNode> {
  const namespace = `listing-${randomBytes(6).toString("hex")}`;
  const environment = {
    ...variables,
    LEGENDO_NAMESPACE: namespace,
    DATABASE_URL: world.url,
    VAULT_URL: pathToFileURL(join(folder, "vault")).href,
    LOG_LEVEL: "error",
  };
  Object.assign(process.env, environment);
  const { env } = await import("../../config/env.ts");
  const { keyManager } = await import("../../mixins/vault/kms/manager.ts");
  const { createJob } = await import("../../services/sync/creating.ts");
  const { readablePlaces } = await import("../../services/sync/places.ts");
  const { parseInput } = await import("../../services/sync/sources/input.ts");
  const { TenantKeyring } = await import("../../services/sync/tenantkey.ts");
  const { deleteStreams } = await import("../../test/streams.ts");
  const db = await world.open("sync");
  const keyring = new TenantKeyring(db, keyManager(env));
  const start = (id: string) =>
    startProcess(id, folder, "scripts/node.ts", { ...environment, ...frugal(folder, ["sync"]), SERVICES: "sync" });
  let node = start(`${namespace}-first`);

  const planning: PlanningNode = {
    async plan(tenantId, input, access) {
      const source = await parseInput(input, { ...access }, readablePlaces);
      const keys = await keyring.of(tenantId);
      const author = { tenantId, userId: null, subject: "bench" };
      const options = { dryRun: true, analyse: false };
      const begin = performance.now();
      peakMemory(node.pid);
      const { id } = await db.tenant(tenantId, (em) => createJob(em, author, keys, { kind: "sync", input, source, options }));
      for (;;) {
        await Promise.race([sleep(200), node.ended.then((how) => Promise.reject(new Error(`the node ${how}, see ${node.log}`)))]);
        const job = await db.tenant(tenantId, (em) =>
          row<{ status: string; listed: number; unchanged: number; error: string | null }>(
            em,
            `select status, (result->>'listed')::int as listed, items_unchanged as unchanged, error_message as error from sync.sync_jobs where id = ?`,
            [id],
          ),
        );
        const { status, listed, unchanged, error } = job!;
        if (status === "awaiting_approval")
          return { jobId: id, listed, unchanged, seconds: (performance.now() - begin) / 1000, memory: peakMemory(node.pid) };
        if (!["queued", "planning"].includes(status)) throw new Error(`the job is ${status}: ${error}`);
      }
    },
    async stop() {
      await node.stop(10_000);
      await deleteStreams(namespace);
    },
  };
  // A node finds what it is made of compiled, but for the very first start.
  const small = join(folder, "small");
  mkdirSync(small);
  await planning.plan(randomUUID(), pathToFileURL(small).href, {});
  await node.stop(10_000);
  node = start(namespace);
  return planning;
}
