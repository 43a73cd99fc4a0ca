import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Pool } from "undici";
import type { Running } from "../scripts/servers/process.ts";
import { say } from "../scripts/terminal.ts";
import { testDatabase } from "../test/database.ts";
import { median } from "../test/median.ts";
import { startProcess } from "../test/processes.ts";
import { withServers } from "../test/servers.ts";
import type { Flooded } from "./edge/flood.ts";
import { signIn, type SignedIn } from "./edge/signin.ts";
import type { Watched } from "./edge/watch.ts";

// npm run bench -- edge: what it costs the edge to know who asks, as CPU of its process per request, and what a thousand sign-ins at once with
// wrong passwords do to others' requests and sign-ins. A few floods, each against the idle time right before it: whatever else the machine does
// for a moment makes one of them look better or worse.
const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "8000" },
    rounds: { type: "string", default: "7" },
    people: { type: "string", default: "1000" },
    floods: { type: "string", default: "3" },
  },
});
const [requests, rounds, people, floods] = [values.requests, values.rounds, values.people, values.floods].map(Number) as [
  number,
  number,
  number,
  number,
];
const aims = { authenticated: 1.15, flooded: 5 };
const account = { email: "owner@example.com", password: "correct horse battery staple" };
/** Who signs in while the flood lasts, and from where: one has used the platform from there before, the other never. */
const others = [
  { who: "somebody who was there before", email: "known@example.com", from: () => "127.0.0.2" },
  { who: "somebody who was never there", email: "stranger@example.com", from: (flood: number) => `127.0.1.${flood}` },
];
/** When they begin, milliseconds after the flood. */
const meanwhile = 200;

const told = <T>(process: Running, order?: string): Promise<T> =>
  new Promise((resolve, reject) => {
    process.child.once("message", (message) => resolve(message as T));
    void process.ended.then((how) => reject(new Error(`${process.name} ended: ${how}; see ${process.log}`)));
    if (order) process.child.send(order);
  });

const found = await withServers(async (folder) => {
  const world = await testDatabase();
  const variables = { LEGENDO_NAMESPACE: `edge-${randomBytes(4).toString("hex")}`, DATABASE_URL: world.url, PORT: "0", LOG_LEVEL: "error" };
  const started: Running[] = [];
  const start = (name: string, program: string[], more: Record<string, string> = {}) => {
    const running = startProcess(name, folder, program, { ...variables, ...more });
    started.push(running);
    return running;
  };
  try {
    start("auth", ["scripts/node.ts"], { SERVICES: "auth" });
    const edge = start("edge", ["bench/edge/node.ts"]);
    const { url } = await told<{ url: string }>(edge);
    const pool = new Pool(url, { connections: 32 });
    const post = async (path: string, body: object) =>
      (
        await fetch(`${url}/api/v1${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })
      ).json();
    const token = await signedUp(post);
    for (const { email } of others) await post("/organisations", { organisation: "Bench", ...account, email });
    await signIn(url, { ...account, email: others[0]!.email }, others[0]!.from(0));
    const get = async (way: "open" | "closed") => {
      const headers = way === "closed" ? { authorization: `Bearer ${token}` } : {};
      const { statusCode, body } = await pool.request({ path: `/api/v1/measured/${way}`, method: "GET", headers });
      await body.dump();
      if (statusCode !== 200) throw new Error(`${way} was answered with ${statusCode}`);
    };

    const round = async (way: "open" | "closed") => {
      await told(edge, "cpu");
      await lanes(32, requests, () => get(way));
      return (await told<{ cpu: number }>(edge, "cpu")).cpu / requests;
    };
    const cpu = { open: [] as number[], closed: [] as number[] };
    for (const way of ["open", "closed"] as const) await round(way);
    for (let i = 0; i < rounds; i++) for (const way of ["open", "closed"] as const) cpu[way].push(await round(way));

    const watcher = start("watcher", ["bench/edge/watch.ts", url, token]);
    await told(watcher);
    const watched = async (work: () => Promise<unknown>) => {
      watcher.child.send("watch");
      await work();
      return (await told<Watched>(watcher, "stop")).times;
    };
    const flooded = async (number: number) => {
      const idle = await watched(() => sleep(5_000));
      const flood = start(`flood${number}`, ["bench/edge/flood.ts", url, String(people)]);
      await told(flood);
      const begin = Date.now();
      let ended: Promise<Flooded & { signedIn: (SignedIn & { who: string })[] }>;
      const busy = await watched(async () => {
        const flooding = told<Flooded>(flood, "go");
        const signing = others.map(async ({ who, email, from }) => {
          await sleep(meanwhile);
          return { who, ...(await signIn(url, { ...account, email }, from(number))) };
        });
        ended = Promise.all([flooding, Promise.all(signing)]).then(([outcome, signedIn]) => ({ ...outcome, signedIn }));
        await flooding;
      });
      return { idle, busy, seconds: (Date.now() - begin) / 1000, ...(await ended!) };
    };
    const found = [];
    for (let i = 1; i <= floods; i++) found.push(await flooded(i));
    await pool.close();
    return { cpu, floodings: found };
  } finally {
    await Promise.all(started.map((process) => process.stop(3_000)));
    await world.drop();
  }
});

/** Signs up as soon as the auth node is there. */
async function signedUp(post: (path: string, body: object) => Promise<unknown>): Promise<string> {
  for (const limit = Date.now() + 30_000; ; await sleep(100)) {
    const { data } = (await post("/organisations", { organisation: "Bench", ...account })) as { data?: { token: string } };
    if (data) return data.token;
    if (Date.now() > limit) throw new Error("the auth node was not there within 30 s");
  }
}

async function lanes(count: number, total: number, work: () => Promise<void>): Promise<void> {
  let left = total;
  await Promise.all(
    Array.from({ length: count }, async () => {
      while (left-- > 0) await work();
    }),
  );
}

const p99 = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)]!;
const { cpu, floodings } = found;
for (const way of ["open", "closed"] as const)
  say(
    `${way === "open" ? "unauthenticated" : "authenticated  "}  ${median(cpu[way]).toFixed(1)} µs of CPU per request (${cpu[way].map((each) => each.toFixed(1)).join(" ")})`,
  );
const ratio = median(cpu.closed) / median(cpu.open);
say(`ratio ${ratio.toFixed(2)}, aim at most ${aims.authenticated}`);
const slower: number[] = [];
for (const { idle, busy, seconds, sent, outcomes, signedIn } of floodings) {
  slower.push(p99(busy) / p99(idle));
  const counts = Object.entries(outcomes).map(([status, count]) => `${count} × ${status}`);
  say(
    `${people} wrong sign-ins at once, sent within ${Math.round(sent)} ms, answered within ${seconds.toFixed(1)} s: ${counts.join(", ")}`,
  );
  say(
    `  p99 of an authenticated GET: ${p99(idle).toFixed(1)} ms idle (${idle.length}), ${p99(busy).toFixed(1)} ms meanwhile (${busy.length}): × ${slower.at(-1)!.toFixed(1)}`,
  );
  for (const { who, ms, tries } of signedIn) say(`  meanwhile ${who} signs in within ${Math.round(ms)} ms (tries: ${tries})`);
}
say(`p99 × ${median(slower).toFixed(1)}, aim under ${aims.flooded}`);
if (ratio > aims.authenticated || median(slower) >= aims.flooded) process.exitCode = 1;
