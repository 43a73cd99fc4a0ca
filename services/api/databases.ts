import type { ServiceBroker } from "moleculer";
import { schemas, type SchemaName } from "../../config/names.ts";
import { pingOf } from "./peers.ts";

/** A service that does not answer within this does not reach its database, milliseconds. */
const patienceMs = 1_500;
/** How old an answer may be: anybody may ask, and each answer costs a call to every service. */
const freshMs = 1_000;

/** Which services reach their databases. */
export class Databases {
  private readonly broker: ServiceBroker;
  private asked = -Infinity;
  private answer: Promise<ReadonlySet<SchemaName>> = Promise.resolve(new Set<SchemaName>());

  constructor(broker: ServiceBroker) {
    this.broker = broker;
  }

  reached(): Promise<ReadonlySet<SchemaName>> {
    if (performance.now() - this.asked > freshMs) {
      this.asked = performance.now();
      this.answer = this.ask();
    }
    return this.answer;
  }

  private async ask(): Promise<ReadonlySet<SchemaName>> {
    const answers = await Promise.allSettled(schemas.map((name) => pingOf(this.broker, name, patienceMs)));
    return new Set(schemas.filter((_, i) => answers[i]!.status === "fulfilled"));
  }
}
