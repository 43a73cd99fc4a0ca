import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { migrate } from "../config/migrate.ts";
import { client, untilReadyz, type Client } from "./client.ts";
import { dataFolder, writeCluster, type Cluster } from "./cluster.ts";
import { edgeAddress } from "./edge.ts";
import { clusterEnvironment } from "./environment.ts";
import { onLeaving } from "./leaving.ts";
import { startNodes } from "./nodes.ts";
import { demoApiKey, demoEmail } from "./organisation.ts";
import { startReceiver, type DemoReceiver } from "./receiver.ts";
import { portFor } from "./servers/memory.ts";
import { startServers } from "./servers/servers.ts";
import { startSimulator } from "./simulator.ts";
import { giveUp, say } from "./terminal.ts";
import { followSync, requestSync, samples, showPayment } from "./tour.ts";

const help = `npm start [-- --no-demo]: provides PostgreSQL, Redis and NATS, migrates, starts the cluster, syncs the sample folder, stays up.
  --no-demo     without the first sync and payment
  PORT          port of the HTTP edge (3000, or a free one when that is taken)
  LEGENDO_DATA  data folder (.data)
  DATABASE_URL, REDIS_URL, NATS_URL   use these servers instead of own ones
  PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET   use PayPal instead of the simulator
  SMTP_URL, MAIL_FROM   send mails instead of putting them into .data/mail
Ctrl-C stops everything; the data stays.`;

const options = readOptions();
if (options.help) {
  console.log(help);
  process.exit(0);
}

const dataDir = dataFolder();
const leaving = new AbortController();
/** Undone last to first. Every entry waits for its own start if that is still under way. */
const undo: (() => Promise<unknown>)[] = [];
let impatient = () => {};
onLeaving(
  (why) => {
    say(`stopping (${why}); once more to hurry`);
    leaving.abort(new Error("stopped"));
  },
  () => impatient(),
);

try {
  await start(leaving.signal);
} catch (error) {
  if (!leaving.signal.aborted) {
    process.exitCode = 1;
    console.error(error instanceof Error ? error.message : error);
  }
}
for (const step of undo.reverse()) await step().catch((error: unknown) => console.error(error));
if (leaving.signal.aborted) say("stopped");
process.exit();

async function start(signal: AbortSignal): Promise<void> {
  const preparing = startServers({ dataDir, report: say });
  undo.push(() =>
    preparing.then(
      (servers) => servers.stop(),
      () => undefined,
    ),
  );
  const servers = await preparing;
  signal.throwIfAborted();
  const edge = await edgeAddress(dataDir, say);
  const attached = clusterEnvironment(dataDir, servers, servers.secrets);
  await migrate(servers.postgres, attached.CLUSTER_SECRET, (line) => say(`migrate ${line}`));
  signal.throwIfAborted();

  const simulated: string[] = [];
  let paypal: Record<string, string> = {};
  if (!process.env["PAYPAL_CLIENT_ID"]) {
    const simulator = startSimulator(dataDir);
    undo.push(() =>
      simulator.then(
        ({ running }) => running.stop(3000),
        () => undefined,
      ),
    );
    paypal = (await simulator).env;
    simulated.push("paypal");
    say(`no PAYPAL_CLIENT_ID is set: payments go to a simulator on ${paypal["PAYPAL_URL"]}, no money moves`);
  }
  const mailFolder = process.env["MAIL_FOLDER"] || join(dataDir, "mail");
  if (!process.env["SMTP_URL"]) say(`no SMTP_URL is set: mails go to files in ${mailFolder}`);
  signal.throwIfAborted();

  const receiver = await startReceiver(dataDir);
  undo.push(() => receiver.close());
  const roots = [samples, process.env["SYNC_FILE_ROOTS"]].filter(Boolean).join(",");
  const metricsPort = await portFor(dataDir, "metrics");
  const environment = (id: string) => ({
    ...process.env,
    ...attached,
    ...paypal,
    SYNC_FILE_ROOTS: roots,
    WEBHOOK_PRIVATE_HOSTS: [receiver.place, process.env["WEBHOOK_PRIVATE_HOSTS"]].filter(Boolean).join(","),
    PORT: id === "edge-1" ? String(edge.port) : "0",
    // Links to the edge are made on other nodes too: where PayPal sends payers back to.
    PUBLIC_URL: process.env["PUBLIC_URL"] || edge.url,
    MAIL_FOLDER: mailFolder,
    METRICS_PORT: id === "edge-1" ? String(metricsPort) : "0",
  });
  let cluster: Cluster | undefined;
  const nodes = startNodes({ dataDir, environment, report: say, changed: () => save({}) });
  const save = (change: Partial<Cluster>) => {
    if (cluster) writeCluster(dataDir, (cluster = { ...cluster, ...change, nodes: nodes.list() }));
  };
  impatient = () => nodes.kill();
  undo.push(() => nodes.stop(12_000));
  say(
    `starting the nodes ${nodes
      .list()
      .map(({ id, services }) => `${id} (${services.join(", ")})`)
      .join(", ")}`,
  );
  const ready = await Promise.race([untilReadyz(edge.url, 60_000, signal), nodes.fault]);
  if (!ready) throw new Error(`${edge.url}/readyz did not turn ready within 60 s. The nodes' logs are in ${dataDir}/logs.`);
  nodes.settled();
  say(`the cluster is ready: ${edge.url}`);

  const apiKey = await demoApiKey(dataDir, servers.secrets, edge.url, signal);
  const { postgres, redis, nats } = servers;
  cluster = {
    api: edge.url,
    email: demoEmail,
    password: servers.secrets.demoPassword,
    apiKey,
    postgres,
    redis,
    nats,
    nodes: [],
    simulated,
    demoJob: null,
  };
  save({});
  if (!options["no-demo"]) await tour(client(edge.url, { "x-api-key": apiKey }, signal), receiver, signal, (demoJob) => save({ demoJob }));
  say(whatNext(edge.url, apiKey, metricsPort));
  // The timer keeps the process alive until it is asked to leave.
  while (!signal.aborted) await sleep(2 ** 30, undefined, { signal }).catch(() => undefined);
}

/** A tour that fails leaves the cluster up: it is what the user wants to look at then. */
async function tour(api: Client, receiver: DemoReceiver, signal: AbortSignal, created: (job: string) => void): Promise<void> {
  try {
    await receiver.register(api);
    const job = await requestSync(api);
    created(job.id);
    await followSync(api, job.id, signal);
    await showPayment(api);
    const heard = await receiver.heard("sync.job.completed", 5000);
    say(heard ? `webhook sync.job.completed arrived, its signature is valid; all in ${receiver.log}` : "no webhook has arrived within 5 s");
  } catch (error) {
    signal.throwIfAborted();
    say(`the demo did not get through: ${error instanceof Error ? error.message : String(error)}; the cluster stays up`);
  }
}

function whatNext(url: string, apiKey: string, metricsPort: number): string {
  const header = `-H "X-API-Key: ${apiKey}"`;
  return `everything is up; Ctrl-C stops it, the data stays. Try in another terminal:
  curl ${header} ${url}/api/v1/assets
  curl ${header} -H "Content-Type: application/json" -d '{"input":"file://${samples}"}' ${url}/api/v1/trigger
  curl ${header} ${url}/api/v1/sync/jobs
  npm run repl        an operator's prompt inside the cluster
  npm run demo        the first sync once more
metrics http://127.0.0.1:${metricsPort}/metrics, logs ${dataDir}/logs, sign-in and addresses ${dataDir}/cluster.json`;
}

function readOptions(): { "no-demo"?: boolean; help?: boolean } {
  try {
    return parseArgs({ options: { "no-demo": { type: "boolean" }, help: { type: "boolean", short: "h" } } }).values;
  } catch (error) {
    giveUp(`${error instanceof Error ? error.message : String(error)}\n${help}`);
  }
}
