import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { connect, type NatsConnection } from "nats";
import { createUser } from "nkeys.js";
import { readEnv } from "./env.ts";
import { natsOptions } from "./nats.ts";

const paths = { ...process.env, PATH: [process.env["PATH"], "/usr/sbin", "/usr/local/sbin"].join(delimiter) };
const has = (command: string, flag: string) => spawnSync(command, [flag], { env: paths }).status === 0;
// NATS may come from a container and openssl may be missing: then there is nothing to start a server with TLS from.
const possible = has("nats-server", "--version") && has("openssl", "version");
const withServer = possible ? it : it.skip;

let folder: string;
let server: ChildProcess | undefined;
let port: number;

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = probe.address() as AddressInfo;
      probe.close(() => resolve(free));
    });
  });

beforeAll(async () => {
  if (!possible) return;
  folder = mkdtempSync(join(tmpdir(), "legendo-nats-"));
  port = await freePort();
  const user = createUser();
  writeFileSync(join(folder, "seed"), user.getSeed());
  const request = [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "1",
    "-subj",
    "/CN=nats",
    "-addext",
    "subjectAltName=DNS:localhost",
  ];
  execFileSync("openssl", [...request, "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")], { stdio: "ignore" });
  writeFileSync(
    join(folder, "nats.conf"),
    `host: 127.0.0.1\nport: ${port}\ntls { cert_file: "${join(folder, "cert.pem")}", key_file: "${join(folder, "key.pem")}", timeout: 30 }\n` +
      // On a busy machine a handshake takes longer than the two seconds that a server allows by default.
      `authorization { timeout: 30, users: [{ nkey: ${user.getPublicKey()} }, { user: "p@ss", password: "w:rd/%" }] }\n`,
  );
  server = spawn("nats-server", ["-c", join(folder, "nats.conf")], { env: paths, stdio: "ignore" });
  for (
    let tries = 0;
    tries < 100 &&
    (await open({ NATS_NKEY_SEED_FILE: join(folder, "seed") }).then(
      (it) => it.close(),
      () => "no",
    )) === "no";
    tries++
  )
    await sleep(50);
});
afterAll(async () => {
  const gone = server && new Promise((resolve) => server!.once("exit", resolve));
  server?.kill();
  await gone;
  if (folder) rmSync(folder, { recursive: true, force: true });
});

function open(variables: Record<string, string>, credentials = ""): Promise<NatsConnection> {
  const env = readEnv({
    ...process.env,
    NATS_URL: `nats://${credentials}127.0.0.1:${port}`,
    NATS_CA_FILE: join(folder, "cert.pem"),
    ...variables,
  });
  return connect({ ...natsOptions(env, "spec"), reconnect: false });
}

withServer("signs in over TLS with an nkey", async () => {
  const connection = await open({ NATS_NKEY_SEED_FILE: join(folder, "seed") });
  expect(connection.info?.tls_required).toBe(true);
  await connection.flush();
  await connection.close();
});

withServer("signs in with a user and password that hold characters which URLs encode", async () => {
  const connection = await open({}, `${encodeURIComponent("p@ss")}:${encodeURIComponent("w:rd/%")}@`);
  await connection.flush();
  await connection.close();
});

withServer("is refused without credentials, and by a server whose certificate it does not trust", async () => {
  await expect(open({})).rejects.toMatchObject({ code: "AUTHORIZATION_VIOLATION" });
  writeFileSync(join(folder, "other.pem"), "");
  await expect(open({ NATS_CA_FILE: join(folder, "other.pem"), NATS_NKEY_SEED_FILE: join(folder, "seed") })).rejects.toThrow();
});
