import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { env } from "../../config/env.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import type { JobView } from "./job.ts";

const claimFor = (tenant: string) =>
  serviceClaim(env.CLUSTER_SECRET, "repl", tenant, ["sync:read", "sync:write", "assets:read", "internal"]);

/** Calls an action as the operator, for an organisation. */
const ask = async <N extends ActionName>(broker: ServiceBroker, tenant: string, name: N, params: ActionMap[N]["params"]) =>
  await call(broker, name, params, { meta: { claim: await claimFor(tenant) } });

interface OfTenant {
  tenant: string;
}
interface OfJob extends OfTenant {
  job: string;
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const started = ({ id, kind, status }: JobView) => console.log(`Job ${id} (${kind}) is ${status}.`);

/** Where a job stands, one figure a line. */
function printJob({
  id,
  kind,
  input,
  status,
  progress,
  items,
  bytes,
  rate,
  secondsLeft,
  approval,
  error,
  createdAt,
  completedAt,
}: JobView) {
  console.table({
    job: `${id} (${kind})`,
    input,
    status: `${status}, ${progress} %`,
    items: Object.entries(items)
      .map(([what, count]) => `${what} ${count}`)
      .join(", "),
    bytes: `${mebibytes(bytes.done)} of ${mebibytes(bytes.total)}`,
    rate: rate && `${mebibytes(rate.bytes)}/s, ${rate.items} items/s`,
    "seconds left": secondsLeft,
    "waits because": approval?.map(({ message }) => message).join(" "),
    error: error && `${error.type}: ${error.message}`,
    created: createdAt,
    completed: completedAt,
  });
}

/** Commands of the operator's prompt, in moleculer-repl's form. */
export default [
  {
    command: "sync:jobs <tenant>",
    description: "Lists an organisation's newest sync jobs.",
    options: [{ option: "-s, --status <status>", description: "only jobs in this state" }],
    async action(broker: ServiceBroker, { tenant, options }: OfTenant & { options: { status?: "running" } }) {
      const { data } = await ask(broker, tenant, "sync.jobs.list", { limit: 20, ...options });
      console.table(
        data.map(({ id, kind, status, progress, input, items, createdAt }) => {
          return { id, kind, status, progress, stored: items.stored, failed: items.failed, input, createdAt };
        }),
      );
    },
  },
  {
    command: "sync:show <tenant> <job>",
    description: "Shows where a job stands: state, rate, time left, and why it waits for approval.",
    options: [],
    async action(broker: ServiceBroker, { tenant, job }: OfJob) {
      printJob(await ask(broker, tenant, "sync.jobs.get", { id: job }));
    },
  },
  {
    command: "sync:failures <tenant> <job>",
    description: "Lists what a job could not store, and why.",
    options: [],
    async action(broker: ServiceBroker, { tenant, job }: OfJob) {
      console.table((await ask(broker, tenant, "sync.jobs.failures", { id: job, limit: 100 })).data);
    },
  },
  {
    command: "sync:approve <tenant> <job>",
    description: "Approves a plan that waits for it.",
    options: [],
    async action(broker: ServiceBroker, { tenant, job }: OfJob) {
      started(await ask(broker, tenant, "sync.jobs.approve", { id: job }));
    },
  },
  {
    command: "sync:retry <tenant> <job>",
    description: "Starts a job that repeats what another one could not store.",
    options: [],
    async action(broker: ServiceBroker, { tenant, job }: OfJob) {
      started(await ask(broker, tenant, "sync.jobs.retry", { id: job }));
    },
  },
  {
    command: "sync:cancel <tenant> <job>",
    description: "Cancels a job.",
    options: [],
    async action(broker: ServiceBroker, { tenant, job }: OfJob) {
      await ask(broker, tenant, "sync.jobs.cancel", { id: job });
      console.log("It ends after the batches under way.");
    },
  },
  {
    command: "sync:sources <tenant>",
    description: "Lists an organisation's stored sources.",
    options: [],
    async action(broker: ServiceBroker, { tenant }: OfTenant) {
      const { data } = await ask(broker, tenant, "sync.sources.list", { limit: 100 });
      console.table(data.map(({ id, name, kind, uri, updatedAt }) => ({ id, name, kind, uri, updatedAt })));
    },
  },
  {
    command: "sync:schedules <tenant>",
    description: "Lists an organisation's schedules with their next and last runs.",
    options: [],
    async action(broker: ServiceBroker, { tenant }: OfTenant) {
      const { data } = await ask(broker, tenant, "sync.schedules.list", { limit: 100 });
      console.table(
        data.map(({ id, name, cron, timeZone, next, lastAt, lastJobId, skipped }) => {
          return { id, name, cron, timeZone, next: next[0] ?? "off", lastAt, lastJobId, skipped };
        }),
      );
    },
  },
  {
    command: "vault:stats <tenant>",
    description: "Adds up what an organisation's vault holds. Sizes are bytes.",
    options: [],
    async action(broker: ServiceBroker, { tenant }: OfTenant) {
      const { doomed, damaged, verified, ...figures } = await ask(broker, tenant, "sync.vault.stats", {});
      console.table(figures);
      console.table({ doomed, damaged });
      console.table({ verified });
    },
  },
  ...(["verify", "collect"] as const).map((kind) => ({
    command: `vault:${kind} <tenant>`,
    description: {
      verify: "Starts a job that reads all of an organisation's vault back.",
      collect: "Starts a job that removes what nothing in an organisation's vault refers to.",
    }[kind],
    options: [],
    async action(broker: ServiceBroker, { tenant }: OfTenant) {
      started(await ask(broker, tenant, `sync.vault.${kind}`, {}));
    },
  })),
];
