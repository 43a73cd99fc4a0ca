import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { say } from "../scripts/terminal.ts";
import { testDatabase } from "../test/database.ts";
import { median } from "../test/median.ts";
import { withServers } from "../test/servers.ts";
import { paypalConnection } from "../services/payment/gateway/connection.ts";
import { paypalGateway } from "../services/payment/gateway/paypal.ts";
import type { Gateway, NewOrder } from "../services/payment/gateway/gateway.ts";
import { startCluster, type PaymentCluster } from "./payment/cluster.ts";

// npm run bench -- payment: payments from creation to captured money with a PayPal that takes its time, beside what PayPal's SDK alone needs for
// the same questions, and what other requests notice of it while many wait for PayPal.
const { values } = parseArgs({
  options: {
    payments: { type: "string", default: "300" },
    rounds: { type: "string", default: "5" },
    lanes: { type: "string", default: "16" },
    latency: { type: "string", default: "50" },
  },
});
const [payments, rounds, lanes, latencyMs] = [values.payments, values.rounds, values.lanes, values.latency].map(Number) as [
  number,
  number,
  number,
  number,
];
/** A journey beside the SDK's own, and p99 of reading a payment while others wait beside its idle value. */
const aims = { journey: 1.5, reading: 5 };

/** Runs journeys in so many lanes. @returns how long each took, and the rate in all */
async function run(journey: () => Promise<void>): Promise<{ times: number[]; perSecond: number }> {
  const times: number[] = [];
  let left = payments;
  const begin = performance.now();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (left-- > 0) {
        const start = performance.now();
        await journey();
        times.push(performance.now() - start);
      }
    }),
  );
  return { times, perSecond: (payments / (performance.now() - begin)) * 1000 };
}

async function ours(cluster: PaymentCluster): Promise<void> {
  const created = await cluster.ask("payment.create", { amount: "12.50", currency: "EUR" });
  await cluster.approve(created.paypalPaymentId!);
  const settled = await cluster.ask("payment.settle", { id: created.id });
  if (settled.status !== "captured") throw new Error(`a payment is ${settled.status} after it was settled`);
}

const order = (): NewOrder => ({
  ...{
    paymentId: randomUUID(),
    tenantId: randomUUID(),
    amountMinor: 1250n,
    currency: "EUR",
    intent: "capture",
    card: false,
    vaultId: null,
  },
  ...{ description: null, breakdown: null },
  ...{ returnUrl: "http://127.0.0.1/return", cancelUrl: "http://127.0.0.1/cancel" },
});

/** What has to be asked for one payment: the order, whether its payer agreed, and the capture. Nothing is written down. */
async function alone(gateway: Gateway, cluster: PaymentCluster): Promise<void> {
  const made = await gateway.createOrder(order(), randomUUID());
  if (made.outcome !== "ok") throw new Error("no order");
  await cluster.approve(made.value.id);
  const agreed = await gateway.getOrder(made.value.id);
  if (agreed.outcome !== "ok") throw new Error("no order to be seen");
  const captured = await gateway.captureOrder(made.value.id, randomUUID());
  if (captured.outcome !== "ok") throw new Error("no capture");
}

/** Reads one payment again and again. @returns how long each took */
async function watch(cluster: PaymentCluster, id: string, until: () => boolean): Promise<number[]> {
  const times: number[] = [];
  while (!until()) {
    const begin = performance.now();
    await cluster.ask("payment.get", { id });
    times.push(performance.now() - begin);
    await sleep(5);
  }
  return times;
}

const at = (share: number, times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * share)]!;

const found = await withServers(async (folder) => {
  const world = await testDatabase();
  const cluster = await startCluster(world, folder, latencyMs);
  const connection = paypalConnection({ clientId: "alone", clientSecret: "secret", url: cluster.paypal });
  const gateway = paypalGateway(connection);
  try {
    const ways = { ours: () => ours(cluster), alone: () => alone(gateway, cluster) };
    const results = { ours: [] as Awaited<ReturnType<typeof run>>[], alone: [] as Awaited<ReturnType<typeof run>>[] };
    for (const way of ["ours", "alone"] as const) await run(ways[way]);
    for (let round = 0; round < rounds; round++) for (const way of ["ours", "alone"] as const) results[way].push(await run(ways[way]));

    const { id } = await cluster.ask("payment.create", { amount: "1.00", currency: "EUR" });
    const idleEnd = Date.now() + 4_000;
    const idle = await watch(cluster, id, () => Date.now() > idleEnd);
    // PayPal does not answer at all: these wait until their time is over.
    const waiting = 100;
    await cluster.inject({ operation: "orders.create", kind: "hang", times: waiting });
    let over = false;
    const hanging = Promise.all(Array.from({ length: waiting }, () => cluster.ask("payment.create", { amount: "1.00", currency: "EUR" })));
    const ended = hanging.finally(() => (over = true));
    const meanwhile = await watch(cluster, id, () => over);
    const unconfirmed = (await ended).filter(({ status }) => status === "created").length;
    return { results, idle, meanwhile, waiting, unconfirmed };
  } finally {
    connection.close();
    await cluster.stop();
    await world.drop();
  }
});

const { results, idle, meanwhile, waiting, unconfirmed } = found;
const middle = (way: "ours" | "alone", share: number) => median(results[way].map(({ times }) => at(share, times)));
const rate = (way: "ours" | "alone") => median(results[way].map(({ perSecond }) => perSecond));
say(`${payments} payments in ${lanes} lanes, ${latencyMs} ms to each answer of PayPal, medians of ${rounds} rounds`);
for (const way of ["ours", "alone"] as const)
  say(
    `${way === "ours" ? "legendo  " : "SDK alone"}  ${rate(way).toFixed(0)} per second, p50 ${middle(way, 0.5).toFixed(0)} ms, p99 ${middle(way, 0.99).toFixed(0)} ms`,
  );
const journey = middle("ours", 0.5) / middle("alone", 0.5);
say(`a payment takes ${journey.toFixed(2)} × of the SDK's time for the same three questions; aim at most ${aims.journey}`);
const slower = at(0.99, meanwhile) / at(0.99, idle);
say(
  `p99 of reading a payment: ${at(0.99, idle).toFixed(1)} ms idle (${idle.length}), ${at(0.99, meanwhile).toFixed(1)} ms while ${waiting} payments wait for a PayPal that does not answer (${meanwhile.length}): × ${slower.toFixed(1)}, aim under ${aims.reading}`,
);
say(`of those, ${unconfirmed} are kept to be asked for again`);
if (journey > aims.journey || slower >= aims.reading || unconfirmed !== waiting) process.exitCode = 1;
