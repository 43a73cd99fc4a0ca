import { row, rows, type Database } from "./database.ts";

/** Months of events that are made ahead: for so long nobody need look after them. */
const ahead = 3;

/**
 * Sees to it that a schema's events have a place to go to in this month and the next ones, and takes old months out of the way.
 * @param keep months that stay beside the current one; older ones go to the schema `<schema>_archive`, whole. All stay when it is 0.
 * @returns the tables that went to the archive
 */
export async function keepPartitions(database: Database, keep: number): Promise<string[]> {
  const { schema } = database;
  return await database.system(async (em) => {
    await row(em, `select ${schema}.make_event_partitions(?)`, [ahead]);
    if (!keep) return [];
    const gone = await rows<{ name: string }>(em, `select name from ${schema}.archive_event_partitions(?) as name`, [keep]);
    return gone.map(({ name }) => name);
  });
}
