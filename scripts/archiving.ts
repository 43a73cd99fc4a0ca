import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdCompress, createZstdDecompress } from "node:zlib";
import type pg from "pg";
import type { SchemaName } from "../config/names.ts";
import { storedLine } from "../services/auth/audit/stored.ts";
import { archiveOf } from "../entities/partitions.ts";

/** A month of a schema's table that is out of it. */
export interface ArchivedMonth {
  schema: SchemaName;
  /** One of `partitionedTables`. */
  table: string;
  /** `2025-03` */
  month: string;
}

const tableOf = ({ schema, table, month }: ArchivedMonth) => `${archiveOf(schema)}.${table}_${month.replace("-", "_")}`;
/** Events have been there first: their files are named by the month alone. */
const prefixOf = (table: string) => (table === "events" ? "" : `${table}-`);
const monthFile = /\d{4}-\d{2}\.jsonl\.zst$/;
const monthOf = (table: string) => table.slice(-7).replace("_", "-");

/** Takes the months before one out of a schema's table, each in a transaction of its own, and tells all that are out. */
export async function detachBefore(admin: pg.Client, schema: SchemaName, table: string, before: string): Promise<ArchivedMonth[]> {
  const { rows: attached } = await admin.query<{ name: string }>(
    `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass order by 1`,
    [`${schema}.${table}`],
  );
  for (const { name } of attached.filter(({ name }) => monthOf(name) < before)) {
    await admin.query(
      `begin; alter table ${schema}.${table} detach partition ${schema}.${name}; alter table ${schema}.${name} set schema ${archiveOf(schema)}; commit`,
    );
  }
  const { rows: out } = await admin.query<{ name: string }>(
    `select tablename as name from pg_tables where schemaname = $1 and tablename ~ $2 order by 1`,
    [archiveOf(schema), `^${table}_\\d{4}_\\d{2}$`],
  );
  return out.map(({ name }) => ({ schema, table, month: monthOf(name) })).filter(({ month }) => month < before);
}

/**
 * Writes a month as JSON lines, zstd (RFC 8878), one row a line: events as PostgreSQL's row_to_json shows them in
 * `<folder>/<schema>/<yyyy-mm>.jsonl.zst`, the audit log as it is verified in `audit-<yyyy-mm>.jsonl.zst`, without the addresses, which could not be
 * erased there.
 * It stands under this name only when it is complete, on the disk, and has been read back and found to be what was written.
 * @returns its path and how many rows are in it
 * @throws Error when it is there already, or reads back as something else
 */
export async function writeMonth(admin: pg.Client, month: ArchivedMonth, folder: string): Promise<{ path: string; rows: number }> {
  const path = join(folder, month.schema, `${prefixOf(month.table)}${month.month}.jsonl.zst`);
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  // Taken before anything is written: what is there already is not written over.
  const target = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST" ? new Error(`${path} is there already; move it away, or name another folder.`, { cause: error }) : error;
  });
  await target.close();
  try {
    const written = createHash("sha256");
    const file = await open(part, "w", 0o600);
    let rows = 0;
    const counted = async function* () {
      for await (const page of pages(admin, month)) {
        rows += page.length;
        yield page.join("\n") + "\n";
      }
    };
    await pipeline(Readable.from(counted()), hashing(written), createZstdCompress(), file.createWriteStream({ flush: true }));
    const read = createHash("sha256");
    let found = 0;
    const back = createReadStream(part).pipe(createZstdDecompress()).pipe(hashing(read));
    for await (const _line of createInterface({ input: back, crlfDelay: Infinity })) found++;
    if (found !== rows || read.digest("hex") !== written.digest("hex"))
      throw new Error(`${part} reads back as ${found} rows; ${rows} were written.`);
    await rename(part, path);
    const entry = await open(dirname(path));
    await entry.sync().finally(() => entry.close());
    return { path, rows };
  } catch (error) {
    await Promise.all([rm(path, { force: true }), rm(part, { force: true })]);
    throw error;
  }
}

/** Drops a month that has been written. @throws Error when it holds another number of rows now */
export async function dropMonth(admin: pg.Client, month: ArchivedMonth, written: number): Promise<void> {
  const table = tableOf(month);
  await admin.query("begin");
  try {
    await admin.query(`lock table ${table} in access exclusive mode`);
    const { rows } = await admin.query<{ count: string }>(`select count(*) from ${table}`);
    if (Number(rows[0]!.count) !== written) throw new Error(`${table} holds ${rows[0]!.count} rows; ${written} were written. It stays.`);
    await admin.query(`drop table ${table}`);
    await admin.query("commit");
  } catch (error) {
    await admin.query("rollback");
    throw error;
  }
}

/** Lines of the months of a table that `writeMonth` has put into a folder, in order. */
export async function* linesOfMonths(folder: string, schema: SchemaName, table: string): AsyncGenerator<string> {
  const place = join(folder, schema);
  const files = (await readdir(place)).filter((name) => monthFile.test(name) && name.replace(monthFile, "") === prefixOf(table)).sort();
  for (const name of files)
    yield* createInterface({ input: createReadStream(join(place, name)).pipe(createZstdDecompress()), crlfDelay: Infinity });
}

const atOnce = 5_000;

/** Rows in their order, each as a line. */
async function* pages(admin: pg.Client, month: ArchivedMonth): AsyncGenerator<string[]> {
  const lines = month.table === "audit" ? `select ${storedLine} as line` : "select row_to_json(e)::text as line";
  const order = month.table === "audit" ? "tenant_id, position" : "position";
  await admin.query("begin read only");
  try {
    await admin.query(`declare lines cursor for ${lines} from ${tableOf(month)} e order by ${order}`);
    for (;;) {
      const { rows } = await admin.query<{ line: string }>(`fetch ${atOnce} from lines`);
      if (!rows.length) return;
      yield rows.map(({ line }) => line);
    }
  } finally {
    await admin.query("rollback");
  }
}

const hashing = (hash: Hash) =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
