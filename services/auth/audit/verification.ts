import type pg from "pg";
import { archiveOf } from "../../../entities/partitions.ts";
import { coveredOf, type Covering } from "./checked.ts";
import type { AuditKeys } from "./keys.ts";
import type { Origin } from "./record.ts";
import { storedFrom, storedLine } from "./stored.ts";
import { ChainVerifier, type Fault } from "./verify.ts";

export interface Verification {
  chains: number;
  records: number;
  erased: number;
  faults: Fault[];
}

const atOnce = 2_000;

/**
 * Verifies every chain: the log's table, the months in the archive's schema, and those in files, as of one moment.
 * @param admin the role that owns the tables: it sees all of them
 * @param files lines of archived months (`writeMonth`), month after month
 * @param covering what checkpoints say; read before this is called, so that they know of nothing that the tables can't have yet
 * @param progress is told how many records of how many are done
 */
export async function verifyLog(
  admin: pg.Client,
  keys: AuditKeys,
  covering: Covering,
  files: AsyncIterable<string> | undefined,
  progress: (done: number, of: number) => void = () => {},
): Promise<Verification> {
  await admin.query("begin isolation level repeatable read");
  try {
    const sources = await sourcesOf(admin, files);
    const heads = await headsOf(admin);
    const [counted] = (await admin.query<{ count: number }>(`select count(*)::float8 as count from (${sources}) s`)).rows;
    await admin.query(`declare records cursor for select * from (${sources}) s order by "tenantId", position, "recordedAt"`);
    const result: Verification = { chains: 0, records: 0, erased: 0, faults: [] };
    const tenants = new Set([...heads.keys(), ...covering.keys()]);
    const verifierOf = (tenantId: string) =>
      new ChainVerifier(tenantId, keys, { head: heads.get(tenantId), covered: coveredOf(covering, tenantId) });
    const end = (verifier: ChainVerifier) => {
      result.chains++;
      result.faults.push(...verifier.end());
      result.erased += verifier.erased;
    };
    let current: { tenantId: string; verifier: ChainVerifier } | undefined;
    for (;;) {
      const { rows } = await admin.query<{ tenantId: string; line: string; origin: Origin | null }>(`fetch ${atOnce} from records`);
      for (const { tenantId, line, origin } of rows) {
        if (current?.tenantId !== tenantId) {
          if (current) end(current.verifier);
          current = { tenantId, verifier: verifierOf(tenantId) };
          tenants.delete(tenantId);
        }
        current.verifier.next(storedFrom(line, origin));
        result.records++;
      }
      progress(result.records, counted?.count ?? 0);
      if (rows.length < atOnce) break;
    }
    if (current) end(current.verifier);
    // Chains of which nothing is left.
    for (const tenantId of tenants) end(verifierOf(tenantId));
    return result;
  } finally {
    await admin.query("rollback");
  }
}

/** SQL of all records, wherever they are. Those of files are brought into a temporary table, so that PostgreSQL puts everything in order. */
async function sourcesOf(admin: pg.Client, files: AsyncIterable<string> | undefined): Promise<string> {
  const { rows: archived } = await admin.query<{ name: string }>(
    `select quote_ident(tablename) as name from pg_tables where schemaname = $1 and tablename ~ '^audit_\\d{4}_\\d{2}$' order by 1`,
    [archiveOf("auth")],
  );
  const tables = ["auth.audit", ...archived.map(({ name }) => `${archiveOf("auth")}.${name}`)].map(
    (table) => `select tenant_id as "tenantId", position, recorded_at as "recordedAt", ${storedLine} as line, origin from ${table}`,
  );
  if (files) {
    await admin.query(
      `create temporary table audit_files ("tenantId" uuid, position bigint, "recordedAt" timestamptz, line text) on commit drop`,
    );
    for await (const page of pagesOf(files)) {
      await admin.query(
        `insert into audit_files select (r->>'tenantId')::uuid, (r->>'position')::bigint, (r->>'recordedAt')::timestamptz, line
         from unnest($1::text[]) line cross join lateral (select line::json->'record' as r) l`,
        [page],
      );
    }
    tables.push(`select "tenantId", position, "recordedAt", line, null::jsonb from audit_files`);
  }
  return tables.join(" union all ");
}

async function* pagesOf(lines: AsyncIterable<string>): AsyncGenerator<string[]> {
  let page: string[] = [];
  for await (const line of lines) {
    page.push(line);
    if (page.length < atOnce) continue;
    yield page;
    page = [];
  }
  if (page.length) yield page;
}

async function headsOf(admin: pg.Client): Promise<Map<string, { position: number; hash: string }>> {
  const { rows } = await admin.query<{ tenantId: string; position: number; hash: string }>(
    `select tenant_id as "tenantId", position::float8 as position, encode(hash, 'hex') as hash from auth.audit_chains where position > 0`,
  );
  return new Map(rows.map(({ tenantId, position, hash }) => [tenantId, { position, hash }]));
}
