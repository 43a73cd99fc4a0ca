import { once } from "node:events";
import { root } from "./cluster.ts";
import { portFor } from "./servers/memory.ts";
import { launch, type Running } from "./servers/process.ts";
import { tail } from "./servers/ready.ts";

/** Starts the PayPal stand-in as a process of its own. @returns it, and the environment that points the nodes to it. */
export async function startSimulator(dataDir: string): Promise<{ running: Running; env: Record<string, string> }> {
  const port = await portFor(dataDir, "paypal");
  const running = launch({
    name: "paypal-simulator",
    dataDir,
    command: process.execPath,
    args: ["scripts/paypal-simulator.ts", String(port)],
    env: process.env,
    cwd: root,
    ipc: true,
  });
  const message = once(running.child, "message") as Promise<[{ url: string }]>;
  const first = await Promise.race([message, running.ended]);
  if (typeof first === "string") throw new Error(`The PayPal simulator ended while starting (${first}):\n${tail(running.log)}`);
  const [{ url }] = first;
  return { running, env: { PAYPAL_URL: url, PAYPAL_CLIENT_ID: "simulator", PAYPAL_CLIENT_SECRET: "simulator" } };
}
