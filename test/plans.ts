import type { Em } from "../mixins/database.ts";

/** A node of EXPLAIN (FORMAT JSON). */
interface Node {
  "Node Type": string;
  "Relation Name"?: string;
  "Actual Rows": number;
  "Actual Loops": number;
  "Rows Removed by Filter"?: number;
  "Shared Hit Blocks": number;
  "Shared Read Blocks": number;
  Plans?: Node[];
}

/** What the statements of a piece of work did to the tables named. */
export interface Cost {
  /** Relations that were read from end to end. */
  scanned: string[];
  /** Rows read of the tables, and the most that one node put in order. */
  rows: number;
  sorted: number;
  /** Pages of 8 KiB, those of functions called too. */
  pages: number;
  statements: number;
}

/** An entity manager that explains every statement before it runs it, and what they cost. */
export function explaining(em: Em, tables: string[]): { em: Em; cost: Cost } {
  const cost: Cost = { scanned: [], rows: 0, sorted: 0, pages: 0, statements: 0 };
  const visit = (node: Node): void => {
    const table = node["Relation Name"];
    const read = (node["Actual Rows"] + (node["Rows Removed by Filter"] ?? 0)) * node["Actual Loops"];
    if (table !== undefined && tables.includes(table)) {
      cost.rows += read;
      if (node["Node Type"] === "Seq Scan") cost.scanned.push(table);
    }
    // An incremental sort orders runs of equal keys only.
    if (node["Node Type"] === "Sort") for (const child of node.Plans ?? []) cost.sorted = Math.max(cost.sorted, child["Actual Rows"]);
    for (const child of node.Plans ?? []) visit(child);
  };
  const execute = async (sql: string, params?: unknown[], ...rest: unknown[]) => {
    const explained = await em.execute<{ "QUERY PLAN": { Plan: Node }[] }[]>(
      `explain (analyze, buffers, timing off, format json) ${sql}`,
      params,
    );
    const { Plan } = explained[0]!["QUERY PLAN"][0]!;
    cost.statements++;
    cost.pages += Plan["Shared Hit Blocks"] + Plan["Shared Read Blocks"];
    visit(Plan);
    return await (em.execute as (...args: unknown[]) => Promise<unknown>).call(em, sql, params, ...rest);
  };
  return {
    em: new Proxy(em, { get: (target, name): unknown => (name === "execute" ? execute : Reflect.get(target, name, target)) }),
    cost,
  };
}
