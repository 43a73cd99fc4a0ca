import { createHash } from "node:crypto";
import { existsSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "../../config/action.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { nameOfText } from "../../services/sync/sources/names.ts";
import type { VersionView } from "../../services/sync/catalogue/versions.ts";
import type { ModelCluster } from "./cluster.ts";
import { filesIn, stateOf } from "./tree.ts";

/** An organisation with a folder that it syncs. */
export interface Organisation {
  tenantId: string;
  root: string;
  /** SHA-256 of every version that was compared with the source: asset and version → hexadecimal. */
  seen: Map<string, string>;
}

const largest = 2 ** 31;

async function digest({ ask }: ModelCluster, tenantId: string, id: string, version: number, vault: Vault): Promise<string> {
  const { readWhole } = await import("../../mixins/vault/ticket.ts");
  const { ticket } = await ask(tenantId, "sync.assets.ticket", { id, version });
  return createHash("sha256")
    .update(await readWhole(ticket, vault, largest))
    .digest("hex");
}

/** Compares catalogue and vault with the source, which nobody changes now. @returns what is not as it must be */
export async function compare(cluster: ModelCluster, { tenantId, root, seen }: Organisation): Promise<string[]> {
  const faults: string[] = [];
  const wanted = new Map([...stateOf(root)].map(([path, sha256]) => [nameOfText(path), sha256]));
  const catalogued = new Map<string, { id: string; version: number }>();
  let cursor: string | null = null;
  do {
    const page: Page<{ id: string; path: string; version: number }> = await cluster.ask(tenantId, "sync.assets.list", {
      limit: 200,
      ...(cursor && { cursor }),
    });
    for (const { id, path, version } of page.data) {
      if (catalogued.has(path)) faults.push(`${path} is catalogued twice`);
      catalogued.set(path, { id, version });
    }
    cursor = page.pagination.cursor;
  } while (cursor);
  for (const path of wanted.keys()) if (!catalogued.has(path)) faults.push(`${path} is missing in the catalogue`);
  await cluster.withVault(async (vault) => {
    for (const [path, { id, version }] of catalogued) {
      const expected = wanted.get(path);
      if (expected === undefined) faults.push(`${path} is catalogued, but not in the source`);
      else {
        if ((await digest(cluster, tenantId, id, version, vault)) !== expected)
          faults.push(`${path} version ${version} has another content than the source`);
        seen.set(`${id} ${version}`, expected);
      }
    }
  });
  return faults;
}

/** Reads every version that there ever was, also of what is gone. */
export async function readVersions(cluster: ModelCluster, { tenantId, seen }: Organisation): Promise<{ read: number; faults: string[] }> {
  const faults: string[] = [];
  const left = new Set(seen.keys());
  let read = 0;
  const assets = await cluster.query<{ id: string }>(`select id from sync.assets where tenant_id = $1`, [tenantId]);
  await cluster.withVault(async (vault) => {
    for (const { id } of assets) {
      let cursor: string | null = null;
      do {
        const page: Page<VersionView> = await cluster.ask(tenantId, "sync.assets.versions", { id, limit: 200, ...(cursor && { cursor }) });
        for (const { version, sha256, path } of page.data) {
          const name = `version ${version} of ${path} (${id})`;
          const was = seen.get(`${id} ${version}`);
          if (was !== undefined && was !== sha256) faults.push(`${name} is catalogued with another content than it had`);
          left.delete(`${id} ${version}`);
          try {
            if ((await digest(cluster, tenantId, id, version, vault)) !== sha256)
              faults.push(`${name} has another content than is catalogued`);
          } catch (error) {
            faults.push(`${name} can't be read: ${String(error)}`);
          }
          read++;
        }
        cursor = page.pagination.cursor;
      } while (cursor);
    }
  });
  return { read, faults: [...faults, ...[...left].map((key) => `version ${key} was seen once and is not there any more`)] };
}

/** Objects and packs age by two days: nothing is spared by a time of grace. */
async function letTimePass(cluster: ModelCluster, vault: string, tenantId: string): Promise<void> {
  const then = new Date(Date.now() - 2 * 86_400_000);
  for (const path of objectsOf(vault, tenantId)) utimesSync(join(vault, path), then, then);
  await cluster.query(`update sync.packs set doomed_at = doomed_at - interval '2 days' where doomed_at is not null and tenant_id = $1`, [
    tenantId,
  ]);
}

const objectsOf = (vault: string, tenantId: string): string[] =>
  existsSync(join(vault, tenantId)) ? filesIn(join(vault, tenantId)).map((path) => `${tenantId}/${path}`) : [];

/**
 * Garbage collection without grace, then the proof: every pack sound, no object without a row, no row without an object.
 * @param vault its folder
 */
export async function upkeep(cluster: ModelCluster, vault: string, tenantId: string): Promise<string[]> {
  const faults: string[] = [];
  for (const work of ["collect", "collect", "verify"] as const) {
    await letTimePass(cluster, vault, tenantId);
    const job = await cluster.ended(tenantId, (await cluster.ask(tenantId, `sync.vault.${work}`, {})).id);
    if (job.status !== "completed") faults.push(`${work} ended ${job.status}: ${JSON.stringify(job.error ?? job.result)}`);
  }
  const packs = await cluster.query<{ key: string }>(`select storage_key as key from sync.packs where tenant_id = $1`, [tenantId]);
  const named = new Set(packs.map(({ key }) => key));
  const there = new Set(objectsOf(vault, tenantId));
  for (const object of there) if (!named.has(object)) faults.push(`object ${object} is an orphan`);
  for (const key of named) if (!there.has(key)) faults.push(`pack ${key} has no object`);
  const unreferred = await cluster.query(
    `select 1 from sync.blobs b where tenant_id = $1
     and not exists (select 1 from sync.asset_versions v where v.tenant_id = b.tenant_id and v.content_id = b.content_id)`,
    [tenantId],
  );
  if (unreferred.length) faults.push(`${unreferred.length} blobs that nothing refers to are left`);
  return faults;
}
