import { once } from "node:events";
import type { Page } from "../../config/action.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";

export interface Table<Row> {
  /** File name of the download. */
  name: string;
  header: string[];
  fields: (row: Row) => string[];
  page: (cursor?: string) => Promise<Page<Row>>;
}

/** Sends a list as CSV (RFC 4180), page by page. @throws what the first page throws, before anything is sent */
export async function sendCsv<Row>(req: EdgeRequest, res: EdgeResponse, { name, header, fields, page: read }: Table<Row>): Promise<void> {
  let page = await read();
  res.statusCode = 200;
  res.setHeader("Content-Type", "text/csv; charset=utf-8; header=present");
  res.setHeader("Content-Disposition", `attachment; filename="${name}"`);
  if (req.method === "HEAD") return void res.end();
  res.write(line(header));
  for (;;) {
    const lines = page.data.map((row) => line(fields(row)));
    if (req.gone) return;
    // A slow reader makes us wait instead of filling memory.
    if (!res.write(lines.join("")) && !req.gone) await Promise.race([once(res, "drain"), once(res, "close")]);
    const { cursor } = page.pagination;
    if (!cursor) return void res.end();
    page = await read(cursor);
  }
}

const line = (fields: string[]): string => `${fields.map(field).join(",")}\r\n`;

const number = /^-?\d+(\.\d+)?$/;

/** Quoted where it must be. A field that a spreadsheet would take for a formula gets a ' before it: file names are chosen by strangers. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !number.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
