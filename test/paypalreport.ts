import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** One transaction of PayPal's report. */
export interface Reported {
  transaction_id: string;
  transaction_event_code: string;
  transaction_initiation_date: string;
  transaction_status?: string;
  transaction_amount: { currency_code: string; value: string };
  fee_amount?: { currency_code: string; value: string };
  paypal_reference_id?: string;
  paypal_reference_id_type?: string;
  invoice_id?: string;
  custom_field?: string;
}

export interface Report {
  url: string;
  transactions: Reported[];
  /** Transactions that PayPal lists of one query. */
  most: number;
  completeUntil: string | undefined;
  /** Answers so instead of with a report. */
  refusal: { status: number; body: object } | undefined;
  /** Queries that were asked. */
  asked: URLSearchParams[];
  close(): Promise<void>;
}

/** A transaction report of a suite's own making, in the form of Transaction search v1; everything else is passed on to the simulator. */
export async function startReport(simulator: string): Promise<Report> {
  const report: Report = {
    ...{ url: "", transactions: [], most: 10_000, completeUntil: undefined, refusal: undefined, asked: [] },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://report");
    const answering =
      pathname === "/v1/reporting/transactions" ? Promise.resolve(answer(report, searchParams)) : passOn(simulator, request);
    answering.then(
      ({ status, body }) => response.writeHead(status, { "content-type": "application/json" }).end(body),
      () => response.destroy(),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  report.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return report;
}

function answer(report: Report, query: URLSearchParams): { status: number; body: string } {
  report.asked.push(query);
  if (report.refusal) return { status: report.refusal.status, body: JSON.stringify(report.refusal.body) };
  const [from, to] = [Date.parse(query.get("start_date")!), Date.parse(query.get("end_date")!)];
  const size = Number(query.get("page_size"));
  const found = report.transactions.filter(({ transaction_initiation_date: at }) => Date.parse(at) >= from && Date.parse(at) <= to);
  if (found.length > report.most) {
    const message = "Result set size is greater than the maximum limit. Change the filter criteria and try again.";
    return { status: 400, body: JSON.stringify({ name: "RESULTSET_TOO_LARGE", message, debug_id: "0", maximum_items: report.most }) };
  }
  const page = Number(query.get("page"));
  return {
    status: 200,
    body: JSON.stringify({
      transaction_details: found.slice((page - 1) * size, page * size).map((transaction_info) => ({ transaction_info })),
      account_number: "UHKS4WA4FQ4AC",
      start_date: query.get("start_date"),
      end_date: query.get("end_date"),
      ...(report.completeUntil && { last_refreshed_datetime: report.completeUntil }),
      page,
      total_items: found.length,
      total_pages: Math.max(1, Math.ceil(found.length / size)),
    }),
  };
}

async function passOn(simulator: string, request: IncomingMessage): Promise<{ status: number; body: string }> {
  const sent = await buffer(request);
  const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers;
  const answered = await fetch(simulator + request.url!, {
    method: request.method!,
    headers: headers as Record<string, string>,
    ...(sent.length && { body: sent }),
  });
  return { status: answered.status, body: await answered.text() };
}
