import { randomUUID } from "node:crypto";
import { ServiceBroker, type Context, type ServiceSchema } from "moleculer";
import { caller, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import options from "../../moleculer.config.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import { row, rows, type Database } from "../../mixins/database.ts";
import { jobsMixin } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";

// A node with actions in pairs that differ in their flag `audit` alone. It calls them as its parent says.
export interface Order {
  action: string;
  calls: number;
  inFlight: number;
}
/** `cpu`: microseconds of this process from the first call until all acts are in the audit log; `ms`: until all calls were answered. */
export type Answer = { cpu: number; ms: number };

type Host = { db: Database };
const write = {
  permission: "internal",
  params: strict({}),
  async handler(this: Host, ctx: Context) {
    const { tenantId } = caller(ctx);
    return await this.db.tenant(tenantId, (em) =>
      rows(em, `insert into notification.inbox (consumer, event_id, tenant_id) values ('bench', ?, ?) returning event_id`, [
        randomUUID(),
        tenantId,
      ]),
    );
  },
};
const read = {
  permission: "internal",
  params: strict({}),
  async handler(this: Host, ctx: Context) {
    return await this.db.tenant(caller(ctx).tenantId, (em) => rows(em, `select event_id from notification.inbox limit 1`));
  },
};
const measured = {
  name: "measured",
  mixins: [jobsMixin("notification"), ormMixin("notification")],
  actions: {
    write: { description: "Writes a row.", ...write },
    writeAudited: { description: "Writes a row.", ...write, audit: "bench.written" },
    read: { description: "Reads a row.", ...read },
    readAudited: { description: "Reads a row.", ...read, audit: "bench.read" },
  },
} as unknown as ServiceSchema;

const broker = new ServiceBroker(options);
broker.createService(measured);
await broker.start();
await broker.waitForServices(["auth", "auth.audit"]);
const { db } = broker.getLocalService("measured") as unknown as Host;
const tenantId = randomUUID();

async function run({ action, calls, inFlight }: Order): Promise<Answer> {
  const claim = await serviceClaim(env.CLUSTER_SECRET, "bench", tenantId);
  let left = calls;
  const lane = async () => {
    while (left-- > 0) await broker.call(`measured.${action}`, {}, { meta: { claim } });
  };
  const before = process.cpuUsage();
  const begin = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  const ms = performance.now() - begin;
  const kept = () => db.system((em) => row<{ some: boolean }>(em, `select exists (select from notification.acts) as some`));
  while ((await kept())?.some) await new Promise((resolve) => setTimeout(resolve, 20));
  const { user, system } = process.cpuUsage(before);
  return { cpu: user + system, ms };
}

process.on("message", (order: Order) => void run(order).then((answer) => process.send?.(answer)));
process.on("disconnect", () => process.exit());
process.send?.({});
