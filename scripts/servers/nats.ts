import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "nats";
import { launch, type Running } from "./process.ts";
import { untilReady } from "./ready.ts";

const user = "legendo";
const gigabyte = 1024 ** 3;
export const natsUrl = (port: number, password: string): string => `nats://${user}:${password}@127.0.0.1:${port}`;

/** Starts NATS with JetStream on the folder's own data; settles when JetStream answers. */
export async function startNats(dataDir: string, program: string, port: number, password: string): Promise<Running> {
  const folder = join(dataDir, "nats");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config = join(folder, "nats.conf");
  writeFileSync(config, settings(folder, port, password), { mode: 0o600 });
  const running = launch({
    name: "nats",
    dataDir,
    command: program,
    args: ["-c", config],
    env: { PATH: process.env["PATH"] },
    cwd: folder,
  });
  try {
    await untilReady(running, () => ask(port, password));
  } catch (error) {
    await running.stop(10_000);
    throw error;
  }
  return running;
}

function settings(folder: string, port: number, password: string): string {
  // NATS wedges when a disk fills before its own limit does, so the limit stays below what is free.
  const { bavail, bsize } = statfsSync(folder);
  const maxFileStore = Math.min(2 * gigabyte, Math.floor(bavail * bsize * 0.8));
  return `listen: "127.0.0.1:${port}"
max_payload: 1MB
authorization { user: "${user}", password: "${password}" }
jetstream { store_dir: ${JSON.stringify(folder)}, max_file_store: ${maxFileStore}, max_memory_store: ${64 * 1024 ** 2} }
`;
}

async function ask(port: number, password: string): Promise<void> {
  const connection = await connect({ servers: `127.0.0.1:${port}`, user, pass: password, reconnect: false, timeout: 2000 });
  try {
    await connection.flush();
    await connection.jetstreamManager({ timeout: 2000 });
  } finally {
    await connection.close();
  }
}
