import { once } from "node:events";
import type { ServiceBroker } from "moleculer";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import { reportOf } from "./peers.ts";

const header = ["path", "outcome", "size", "to", "error", "message", "attempts"];

/** A job's report as CSV (RFC 4180), streamed page by page. @throws JOB_NOT_FOUND before anything is sent */
export async function csvReport(broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, id: string): Promise<void> {
  let page = await reportOf(broker, req.claim!, id);
  res.statusCode = 200;
  res.setHeader("Content-Type", "text/csv; charset=utf-8; header=present");
  res.setHeader("Content-Disposition", `attachment; filename="job-${id}.csv"`);
  if (req.method === "HEAD") return void res.end();
  res.write(line(header));
  for (;;) {
    const lines = page.data.map(({ path, outcome, size, to, error }) =>
      line([path, outcome, String(size), to ?? "", error?.type ?? "", error?.message ?? "", error ? String(error.attempts) : ""]),
    );
    if (req.gone) return;
    // A slow reader makes us wait instead of filling memory.
    if (!res.write(lines.join("")) && !req.gone) await Promise.race([once(res, "drain"), once(res, "close")]);
    const { cursor } = page.pagination;
    if (!cursor) return void res.end();
    page = await reportOf(broker, req.claim!, id, cursor);
  }
}

const line = (fields: string[]): string => `${fields.map(field).join(",")}\r\n`;

/** Quoted where it must be. A field that a spreadsheet would take for a formula gets a ' before it: file names are chosen by strangers. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
