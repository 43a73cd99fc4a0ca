import { errors } from "../../config/errors.ts";
import { describeAct } from "../../mixins/act.ts";
import { row, rows, type Database, type Em } from "../../mixins/database.ts";
import type { Page } from "../../config/action.ts";
import type { Condition } from "../../mixins/policy/sql.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import { sealSmall, type TenantKeys } from "../../mixins/vault/keys.ts";
import type { JobOptions } from "./options.ts";
import { sourcePurpose, unsealed } from "./sealedplaces.ts";
import type { Spec } from "./sources/source.ts";
import type { TenantKeyring } from "./tenantkey.ts";

/** A source that is kept with its credentials, as the API shows it: never the credentials. */
export interface StoredSource {
  id: string;
  name: string;
  kind: string;
  uri: string;
  settings: JobOptions;
  createdAt: string;
  updatedAt: string;
}

const columns = `id, name, kind, uri, settings, ${isoTime("created_at")} as "createdAt", ${isoTime("updated_at")} as "updatedAt"`;

/** @throws SOURCE_NOT_FOUND, also for another tenant's */
export async function storedById(em: Em, id: string): Promise<StoredSource> {
  const found = await row<StoredSource>(em, `select ${columns} from sync.sources where id = ? and name is not null`, [id]);
  if (!found) throw errors.sourceNotFound("There is no such stored source.", { id });
  return found;
}

/** A stored source's spec with its credentials. @throws SOURCE_NOT_FOUND, VAULT_KEY_UNUSABLE */
export async function storedPlace(database: Database, keyring: TenantKeyring, tenantId: string, id: string): Promise<Spec> {
  const found = await database.tenant(tenantId, (em) =>
    row<{ sealed: Buffer }>(em, `select sealed_spec as sealed from sync.sources where id = ? and sealed_spec is not null`, [id]),
  );
  if (!found) throw errors.sourceNotFound("There is no such stored source.", { id });
  return unsealed<Spec>(await keyring.of(tenantId), sourcePurpose(id), found.sealed);
}

/** @throws CONFLICT when the name or the place is kept already */
export async function storeSource(
  em: Em,
  tenantId: string,
  keys: TenantKeys,
  given: { name: string; spec: Spec; settings: JobOptions },
): Promise<StoredSource> {
  const id = await placeOf(em, tenantId, given.spec);
  const kept = await row<{ name: string | null }>(em, `select name from sync.sources where id = ? for update`, [id]);
  if (kept?.name) throw errors.conflict(`This place is kept already, as "${kept.name}".`, { id });
  await refuseTaken(em, tenantId, given.name, id);
  await write(em, keys, id, given);
  describeAct({ object: `source:${id}` });
  return await storedById(em, id);
}

/** Changes what is given. The place itself stays: another place is another source. @throws SOURCE_NOT_FOUND, CONFLICT */
export async function changeSource(
  em: Em,
  tenantId: string,
  keys: TenantKeys,
  id: string,
  change: { name?: string | undefined; spec?: Spec | undefined; settings?: JobOptions | undefined },
): Promise<StoredSource> {
  const before = await storedById(em, id);
  if (change.spec && change.spec.uri !== before.uri) {
    const detail = `must stay ${before.uri}; it would become ${change.spec.uri}. Keep another place as another source.`;
    throw errors.invalid([{ pointer: "/input", detail }]);
  }
  if (change.name !== undefined) await refuseTaken(em, tenantId, change.name, id);
  await write(em, keys, id, { name: change.name ?? before.name, spec: change.spec, settings: change.settings ?? before.settings });
  return await storedById(em, id);
}

/** Forgets name, settings and credentials; the assets and the history of the place stay. @throws SOURCE_NOT_FOUND, CONFLICT while schedules use it */
export async function forgetSource(em: Em, id: string): Promise<void> {
  await storedById(em, id);
  const used = await row<{ count: number }>(em, `select count(*)::int as count from sync.schedules where source_id = ?`, [id]);
  if (used?.count) throw errors.conflict(`${used.count} schedules use this source; delete them first.`, { id });
  await em.execute(
    `update sync.sources set name = null, sealed_spec = null, settings = '{}', updated_at = now() where id = ?`,
    [id],
    "run",
  );
}

async function refuseTaken(em: Em, tenantId: string, name: string, id: string): Promise<void> {
  const taken = await row(em, `select 1 from sync.sources where tenant_id = ? and name = ? and id <> ?`, [tenantId, name, id]);
  if (taken) throw errors.conflict(`A source is called "${name}" already.`, { name });
}

interface Kept {
  name: string;
  /** Left as it is when undefined. */
  spec: Spec | undefined;
  settings: JobOptions;
}

async function write(em: Em, keys: TenantKeys, id: string, { name, spec, settings }: Kept): Promise<void> {
  const sealed = spec && sealSmall(keys, sourcePurpose(id), Buffer.from(JSON.stringify(spec)));
  await em.execute(
    `update sync.sources set name = ?, host = coalesce(?, host), settings = ?::jsonb, sealed_spec = coalesce(decode(?, 'hex'), sealed_spec), updated_at = now()
     where id = ?`,
    [name, spec?.host ?? null, JSON.stringify(settings), sealed?.toString("hex") ?? null, id],
    "run",
  );
}

/** A page of a tenant's stored sources, by name. @param seen those that the caller may see */
export async function listSources(
  em: Em,
  secret: string,
  tenantId: string,
  page: { limit: number; cursor?: string | undefined },
  seen: Condition,
): Promise<Page<StoredSource>> {
  const scope = ["sync.sources", tenantId];
  const cursor = decodeCursor(secret, scope, page.cursor);
  const found = await rows<StoredSource>(
    em,
    `select ${columns} from sync.sources where tenant_id = ? and ${seen.sql} and name is not null ${cursor ? "and name > ?" : ""} order by name limit ${page.limit + 1}`,
    [tenantId, ...seen.values, ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    page.limit,
    cursor !== undefined,
    (source) => source,
    (last) => encodeCursor(secret, scope, { after: [last.name] }),
  );
}

/** The row of a place, made at first need. */
export async function placeOf(em: Em, tenantId: string, spec: Spec): Promise<string> {
  await em.execute(
    `insert into sync.sources (tenant_id, kind, uri, host) values (?, ?, ?, ?) on conflict (tenant_id, uri) do nothing`,
    [tenantId, spec.kind, spec.uri, spec.host],
    "run",
  );
  const found = await row<{ id: string }>(em, `select id from sync.sources where tenant_id = ? and uri = ?`, [tenantId, spec.uri]);
  if (!found) throw errors.internal("The place was not recorded.");
  return found.id;
}
