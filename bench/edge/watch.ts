import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";

// Those whose requests shall not be held up: four clients that ask for something cheap again and again, from "watch" to "stop". A process of its
// own: in that of the measurement they would also wait for whatever shares its session with it.
/** Milliseconds that each answer took. */
export type Watched = { times: number[] };

const [url = "", token = ""] = process.argv.slice(2);
const pool = new Pool(url, { connections: 4 });
const headers = { authorization: `Bearer ${token}` };
let watching: Promise<unknown> = Promise.resolve();
let times: number[] = [];
let over = false;

async function ask(): Promise<void> {
  while (!over) {
    const begin = performance.now();
    const { statusCode, body } = await pool.request({ path: "/api/v1/measured/closed", method: "GET", headers });
    await body.dump();
    times.push(performance.now() - begin);
    if (statusCode !== 200) throw new Error(`a watcher was answered with ${statusCode}`);
    await sleep(5);
  }
}

process.on("message", (order: "watch" | "stop") => {
  if (order === "watch") {
    times = [];
    over = false;
    watching = Promise.all(Array.from({ length: 4 }, ask));
    return;
  }
  over = true;
  void watching.then(() => process.send?.({ times } satisfies Watched));
});
process.on("disconnect", () => process.exit());
process.send?.({});
