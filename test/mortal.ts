import type { Database, Em } from "../mixins/database.ts";
import type { PayPalConnection } from "../services/payment/gateway/connection.ts";
import { paypalOf, type Till } from "../services/payment/till.ts";

/** What a dead process leaves of its work: whatever was under way is cut off here. */
export class Death extends Error {}

export interface Mortal {
  till: Till;
  /** Whether it has died. */
  isDead(): boolean;
}

/**
 * A till of a process that dies at its `steps`-th step: a step is the moment before and the moment after each transaction and each request to PayPal. After
 * it nothing more is done. Infinity lives for ever.
 */
export async function mortalTill(till: Till, steps: number): Promise<Mortal> {
  let left = steps;
  const step = () => {
    if (--left < 0) throw new Death("the process was killed");
  };
  async function risky<T>(work: () => Promise<T>): Promise<T> {
    step();
    const done = await work();
    step();
    return done;
  }
  const { connection } = await till.paypal("");
  const shaken: PayPalConnection = {
    ...connection,
    transport: connection.transport,
    ask: (call, read) => risky(() => connection.ask(call, read)),
    send: (line, read) => risky(() => connection.send(line, read)),
  };
  const paypal = paypalOf(shaken);
  const db = {
    schema: till.db.schema,
    tenant: <T>(tenantId: string, work: (em: Em) => Promise<T>) => risky(() => till.db.tenant(tenantId, work)),
    system: <T>(work: (em: Em) => Promise<T>) => risky(() => till.db.system(work)),
  } as Database;
  return { till: { ...till, db, paypal: () => Promise.resolve(paypal) }, isDead: () => left < 0 };
}
