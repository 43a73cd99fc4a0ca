import type { PayPalConnection } from "../gateway/connection.ts";
import type { TransactionView } from "../gateway/search.ts";
import type { Window } from "./collect.ts";

/** Null when it is more than is held in memory. */
type Report = TransactionView[] | null;

/**
 * The report that was read last of an account that several organisations share. Within one round the next of them mostly asks for the same window; no
 * more than one is kept, since one may have ten thousand transactions. What could not be read is asked for again.
 */
export class SharedReport {
  #last: { connection: PayPalConnection; window: string; report: Report } | null = null;

  /** @param read reads it where it is another one than the last */
  async of(connection: PayPalConnection, { from, to }: Window, read: () => Promise<Report>): Promise<Report> {
    const window = `${from.toISOString()} ${to.toISOString()}`;
    if (this.#last?.connection === connection && this.#last.window === window) return this.#last.report;
    this.#last = null;
    const report = await read();
    this.#last = { connection, window, report };
    return report;
  }
}
