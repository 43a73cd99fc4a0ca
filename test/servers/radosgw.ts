import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { launch, type Running } from "../../scripts/servers/process.ts";
import { untilReady } from "../../scripts/servers/ready.ts";
import { say } from "../../scripts/terminal.ts";
import { fastFolder } from "../servers.ts";

/** A real S3: the gateway of a Ceph cluster of one monitor and one store in memory. */
export interface Radosgw {
  endpoint: string;
  /** Buckets have the host BUCKET.domain too, for who finds the way there. */
  domain: string;
  accessKeyId: string;
  secretAccessKey: string;
  close(): Promise<void>;
}

const run = promisify(execFile);
const programs = ["radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool"];
const limit = 60_000;

/** Starts the cluster on free ports. Half a minute at most, and some 250 MB of memory; installed packages take 200 MB of disk. */
export async function startRadosgw(): Promise<Radosgw> {
  await provide();
  const folder = mkdtempSync(join(fastFolder(), "legendo-ceph-"));
  const at = (name: string) => join(folder, name);
  const [monitor, gateway] = [await freePort(), await freePort()];
  const [cluster, store] = [randomUUID(), randomUUID()];
  const domain = "s3.radosgw.test";
  writeFileSync(at("ceph.conf"), configuration(folder, cluster, monitor, gateway, domain));
  for (const name of ["mon", "osd"]) mkdirSync(at(name));
  const tool = async (program: string, ...args: string[]) => await run(program, args, { cwd: folder, timeout: limit });
  const ceph = (...args: string[]) => tool("ceph", "-c", at("ceph.conf"), "--connect-timeout", "30", ...args);

  const running: Running[] = [];
  const start = (program: string, ...args: string[]) => {
    const place = ["-c", at("ceph.conf"), "-f", ...args];
    const process_ = launch({ name: program, dataDir: folder, command: findProgram(program)!, args: place, env: process.env, cwd: folder });
    running.unshift(process_);
    return process_;
  };
  const close = async () => {
    for (const each of running) await each.stop(3000);
    rmSync(folder, { recursive: true, force: true });
  };

  try {
    const allow = (...whom: string[]) => whom.flatMap((who) => ["--cap", who, "allow *"]);
    await tool("ceph-authtool", "--create-keyring", at("keyring"), "--gen-key", "-n", "mon.", ...allow("mon"));
    await tool("ceph-authtool", at("keyring"), "--gen-key", "-n", "client.admin", ...allow("mon", "osd", "mgr"));
    await tool("ceph-authtool", at("keyring"), "--gen-key", "-n", "osd.0", "--cap", "mon", "allow profile osd", ...allow("osd"));
    await tool("monmaptool", "--create", "--fsid", cluster, "--addv", "a", `[v1:127.0.0.1:${monitor}]`, at("monmap"));
    const ofMonitor = ["-i", "a", "--mon-data", at("mon")];
    await tool("ceph-mon", "-c", at("ceph.conf"), "--mkfs", ...ofMonitor, "--monmap", at("monmap"), "--keyring", at("keyring"));
    await untilReady(start("ceph-mon", ...ofMonitor), () => ceph("mon", "stat"), limit);

    await ceph("osd", "new", store, "0");
    await ceph("osd", "crush", "add", "osd.0", "1", "root=default");
    const ofStore = ["-i", "0", "--osd-data", at("osd")];
    await tool("ceph-osd", "-c", at("ceph.conf"), "--mkfs", ...ofStore, "--osd-uuid", store, "--keyring", at("keyring"));
    await untilReady(start("ceph-osd", ...ofStore), () => isUp(ceph), limit);

    const endpoint = `http://127.0.0.1:${gateway}`;
    await untilReady(start("radosgw", "-n", "client.admin", "--rgw-data", folder), () => fetch(endpoint), limit);
    const [accessKeyId, secretAccessKey] = [`AK${randomBytes(9).toString("hex").toUpperCase()}`, randomBytes(20).toString("hex")];
    const keys = ["--access-key", accessKeyId, "--secret-key", secretAccessKey];
    await tool("radosgw-admin", "-c", at("ceph.conf"), "user", "create", "--uid", "test", "--display-name", "test", ...keys);
    return { endpoint, domain, accessKeyId, secretAccessKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function isUp(ceph: (...args: string[]) => Promise<{ stdout: string }>): Promise<void> {
  const { stdout } = await ceph("osd", "stat", "--format", "json");
  if ((JSON.parse(stdout) as { num_up_osds: number }).num_up_osds !== 1) throw new Error("The store is not up yet.");
}

async function provide(): Promise<void> {
  const missing = () => programs.filter((name) => !findProgram(name));
  if (missing().length && canAptInstall()) await aptInstall(["radosgw", "ceph-mon", "ceph-osd"], say);
  if (missing().length) throw new Error(`Ceph is needed: install radosgw, ceph-mon and ceph-osd (${missing().join(", ")} not found).`);
}

const configuration = (folder: string, cluster: string, monitor: number, gateway: number, domain: string): string =>
  [
    "[global]",
    `fsid = ${cluster}`,
    `mon host = [v1:127.0.0.1:${monitor}]`,
    "mon initial members = a",
    "ms bind msgr2 = false",
    "public addr = 127.0.0.1",
    "cluster addr = 127.0.0.1",
    // Without cephx the gateway hangs.
    ...["cluster", "service", "client"].map((side) => `auth ${side} required = cephx`),
    `keyring = ${folder}/keyring`,
    `run dir = ${folder}`,
    `admin socket = ${folder}/$name.$pid.asok`,
    `log file = ${folder}/$name.log`,
    "pid file =",
    "osd objectstore = memstore",
    "memstore device bytes = 8589934592",
    "osd crush chooseleaf type = 0",
    "osd pool default size = 1",
    "osd pool default min size = 1",
    "mon allow pool size one = true",
    "osd pool default pg num = 4",
    "osd pool default pgp num = 4",
    "osd pool default pg autoscale mode = off",
    "mon max pg per osd = 1000",
    `rgw frontends = beast endpoint=127.0.0.1:${gateway}`,
    `rgw dns name = ${domain}`,
    "",
  ].join("\n");
