import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { call, type ActionMap, type ActionName } from "../config/calls.ts";
import type { Permission } from "../config/permissions.ts";
import type { AssetView } from "../services/sync/catalogue/asset.ts";
import type { JobView } from "../services/sync/job.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { testNode } from "./node.ts";

const granted: Permission[] = ["sync:read", "sync:write", "assets:read", "internal"];

/** A sync node with a vault of its own in a folder, and a folder to sync from. */
export interface TestVault {
  database: TestDatabase;
  /** Folder of the vault. */
  folder: string;
  as<N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]>;
  /** Writes a file below the source of a tenant. */
  write(tenantId: string, path: string, content: string | Buffer): void;
  /** Folder of a tenant's source. */
  source(tenantId: string): string;
  /** Syncs a tenant's source and waits for the end. */
  sync(tenantId: string, mode?: "incremental" | "full", options?: object): Promise<JobView>;
  /** Starts upkeep and waits for the end. */
  upkeep(tenantId: string, kind: "verify" | "repair" | "collect", params?: object): Promise<JobView>;
  ended(tenantId: string, id: string, seconds?: number): Promise<JobView>;
  assets(tenantId: string): Promise<AssetView[]>;
  /** Reads an asset's content back through its ticket. @param from another folder with the vault's objects */
  read(tenantId: string, assetId: string, version?: number, from?: string): Promise<Buffer>;
  failures(tenantId: string, jobId: string): Promise<{ path: string; type: string; message: string }[]>;
  query<T>(sql: string, params?: unknown[]): Promise<T[]>;
  /** File of a pack's object. */
  object(tenantId: string, packId: string): string;
  /** Packs in use of a tenant, oldest first. */
  packs(tenantId: string): Promise<{ id: string; damage: string | null; verified: boolean; sealed: number }[]>;
  close(): Promise<void>;
}

async function withoutWorker() {
  const { loadServices } = await import("../scripts/services.ts");
  return (await loadServices(["sync"])).filter(({ name }) => name !== "sync.worker");
}

export interface TestVaultOptions {
  /** The vault's, that the caller keeps; one in the machine's folder for temporary files when left out. */
  folder?: string;
  /** Takes requests only: whoever starts it has other nodes that do the work. */
  idle?: boolean;
}

/**
 * Starts one. A suite that uses this must not import config/env.ts, or what imports it, statically.
 * @param variables of the environment
 */
export async function testVault(variables: Record<string, string> = {}, { folder, idle }: TestVaultOptions = {}): Promise<TestVault> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "legendo-vault-")));
  const vault = folder ?? join(home, "vault");
  Object.assign(process.env, { VAULT_URL: pathToFileURL(vault).href, SYNC_FILE_ROOTS: home, ...variables });
  const database = await testDatabase();
  const node = await testNode(idle ? withoutWorker : ["sync"], database).catch(async (error: unknown) => {
    await database.drop();
    rmSync(home, { recursive: true, force: true });
    throw error;
  });
  const { env } = await import("../config/env.ts");
  const { serviceClaim } = await import("../mixins/claim.ts");
  const { openVault } = await import("../mixins/vault/environment.ts");
  const { readTicket } = await import("../mixins/vault/ticket.ts");
  const { openStore, storageKey } = await import("../mixins/vault/store.ts");
  const opened = await openVault(env);
  const source = (tenantId: string) => join(home, "sources", tenantId);

  const of: TestVault = {
    database,
    folder: vault,
    source,
    async as(tenantId, name, params) {
      return await call(node.broker, name, params, { meta: { claim: await serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, granted) } });
    },
    write(tenantId, path, content) {
      const file = join(source(tenantId), path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    },
    async sync(tenantId, mode = "incremental", options = {}) {
      mkdirSync(source(tenantId), { recursive: true });
      const { id } = await of.as(tenantId, "sync.jobs.create", { input: pathToFileURL(source(tenantId)).href, mode, ...options });
      return await of.ended(tenantId, id);
    },
    async upkeep(tenantId, kind, params = {}) {
      const { id } = await of.as(tenantId, `sync.vault.${kind}`, params);
      return await of.ended(tenantId, id);
    },
    async ended(tenantId, id, seconds = 60) {
      for (const until = Date.now() + seconds * 1000; Date.now() < until; await sleep(40)) {
        const job = await of.as(tenantId, "sync.jobs.get", { id });
        if (["completed", "completed_with_errors", "failed", "cancelled"].includes(job.status)) return job;
      }
      throw new Error(`Job ${id} did not end within ${seconds} s.`);
    },
    async assets(tenantId) {
      const found: AssetView[] = [];
      for (let cursor: string | null | undefined; cursor !== null;) {
        const page: { data: AssetView[]; pagination: { cursor: string | null } } = await of.as(tenantId, "sync.assets.list", {
          state: "all",
          limit: 200,
          ...(cursor && { cursor }),
        });
        found.push(...page.data);
        cursor = page.pagination.cursor;
      }
      return found;
    },
    async read(tenantId, id, version, from) {
      const ticketFrom = async (from: number) =>
        (await of.as(tenantId, "sync.assets.ticket", { id, from, ...(version && { version }) })).ticket;
      const ticket = await ticketFrom(0);
      const parts: Buffer[] = [];
      const places = from === undefined ? opened : { ...opened, store: await openStore({ url: pathToFileURL(from).href }) };
      for await (const part of await readTicket(ticket, places, undefined, ticketFrom)) parts.push(part as Buffer);
      return Buffer.concat(parts);
    },
    async failures(tenantId, id) {
      return (await of.as(tenantId, "sync.jobs.failures", { id, limit: 200 })).data;
    },
    async query<T>(sql: string, params: unknown[] = []) {
      return (await database.admin.query(sql, params)).rows as T[];
    },
    object: (tenantId, packId) => join(vault, storageKey(tenantId, packId)),
    packs: (tenantId) =>
      of.query(
        `select id, damage, verified_at is not null as verified, sealed_size::float8 as sealed from sync.packs
         where tenant_id = $1 and doomed_at is null order by created_at, id`,
        [tenantId],
      ),
    async close() {
      await opened.store.close();
      await node.stop();
      await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
  return of;
}
