import { archiveFunction, partitionedTables } from "../entities/partitions.ts";
import { row, rows, type Database } from "./database.ts";

/** Months that are made ahead: for so long nobody need look after them. */
const ahead = 3;

/** Months that stay beside the current one, by table; older ones go to the schema `<schema>_archive`, whole. All stay when it is 0. */
export type Keep = Readonly<Record<string, number>>;

/**
 * Sees to it that a schema's events, and what else is cut into months, have a place to go to in this month and the next ones, and takes old
 * months out of the way.
 * @returns the tables that went to the archive
 */
export async function keepPartitions(database: Database, keep: Keep): Promise<string[]> {
  const { schema } = database;
  return await database.system(async (em) => {
    await row(em, `select ${schema}.make_event_partitions(?)`, [ahead]);
    const gone: { name: string }[] = [];
    for (const { table } of partitionedTables(schema))
      if (keep[table])
        gone.push(...(await rows<{ name: string }>(em, `select name from ${archiveFunction(schema, table)}(?) as name`, [keep[table]])));
    return gone.map(({ name }) => name);
  });
}
