import { errors } from "../../../config/errors.ts";
import type { SearchGateway, TransactionPage, TransactionView } from "../gateway/search.ts";

const second = 1_000;
/** PayPal takes 31 days; a day is left for what is read around a window. */
const windowMs = 30 * 86_400_000;

export interface Window {
  /** Whole seconds; `to` is not included. */
  from: Date;
  to: Date;
}

/** Cuts a period into windows that PayPal takes. */
export function windowsOf({ from, to }: Window): Window[] {
  const windows: Window[] = [];
  for (let start = from.getTime(); start < to.getTime(); start += windowMs)
    windows.push({ from: new Date(start), to: new Date(Math.min(start + windowMs, to.getTime())) });
  return windows;
}

/**
 * Everything that PayPal reports of a window, page by page; halves of it where there is too much for one.
 * @param needed until when the report has to be complete
 * @throws PAYMENT_GATEWAY_UNAVAILABLE when PayPal could not be asked, did not answer with a report, or is not complete enough yet;
 * PAYMENT_GATEWAY_DENIED when it refuses
 */
export async function collect(gateway: SearchGateway, window: Window, needed: Date, signal?: AbortSignal): Promise<TransactionView[]> {
  signal?.throwIfAborted();
  const first = await readPage(gateway, window, 1);
  if (first !== "too much") return await restOf(gateway, window, first, needed, signal);
  const found: TransactionView[] = [];
  for (const half of halvesOf(window)) found.push(...(await collect(gateway, half, needed, signal)));
  return found;
}

/** The same of a window that has no more than so many pages; null when it has. */
export async function collectFew(
  gateway: SearchGateway,
  window: Window,
  needed: Date,
  mostPages: number,
  signal?: AbortSignal,
): Promise<TransactionView[] | null> {
  const first = await readPage(gateway, window, 1);
  return first === "too much" || first.pages > mostPages ? null : await restOf(gateway, window, first, needed, signal);
}

async function restOf(
  gateway: SearchGateway,
  window: Window,
  first: TransactionPage,
  needed: Date,
  signal?: AbortSignal,
): Promise<TransactionView[]> {
  const found: TransactionView[] = [];
  for (let page = 1, read: TransactionPage | "too much" = first; ; read = await readPage(gateway, window, ++page)) {
    signal?.throwIfAborted();
    if (read === "too much") throw errors.gatewayUnavailable("PayPal's report grew while it was read.");
    if (read.completeUntil && read.completeUntil < needed) {
      const until = read.completeUntil.toISOString();
      throw errors.gatewayUnavailable(`PayPal's report is complete until ${until}, and is needed until ${needed.toISOString()}.`);
    }
    found.push(...read.transactions);
    if (page >= read.pages) return found;
  }
}

/** @throws PAYMENT_GATEWAY_UNAVAILABLE for a second, which has no halves */
export function halvesOf({ from, to }: Window): [Window, Window] {
  const middle = new Date(from.getTime() + Math.floor((to.getTime() - from.getTime()) / 2 / second) * second);
  if (middle.getTime() === from.getTime())
    throw errors.gatewayUnavailable(`PayPal reports more of one second, ${from.toISOString()}, than it lists.`);
  return [
    { from, to: middle },
    { from: middle, to },
  ];
}

async function readPage(gateway: SearchGateway, { from, to }: Window, page: number): Promise<TransactionPage | "too much"> {
  // PayPal includes both ends.
  const answer = await gateway.search(from, new Date(to.getTime() - second), page);
  if (answer.outcome === "ok") return answer.value;
  if (answer.outcome === "unknown") throw errors.gatewayUnavailable(`PayPal's report could not be read: ${answer.reason}.`);
  if (answer.issue === "RESULTSET_TOO_LARGE") return "too much";
  throw errors.gatewayDenied(`PayPal refuses its report: ${answer.detail}`, { issue: answer.issue });
}
