import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../scripts/servers/memory.ts";
import { launch } from "../../scripts/servers/process.ts";
import { tail, untilReady } from "../../scripts/servers/ready.ts";
import { makeCertificates, type Certificates } from "./certificates.ts";

/** A real FTP server with one account that exists nowhere else. */
export interface Ftpd {
  /** "127.0.0.1:port" */
  host: string;
  user: string;
  password: string;
  /** The account's folder, "/" to it. */
  home: string;
  /** PEM of the authority that signed the server's certificate, and that certificate's SHA-256. */
  ca: string;
  fingerprint: string;
  /** Makes a file or a folder (and what is in it) the account's. */
  give(path: string): void;
  /** The end of what the server wrote down. */
  log(): string;
  /** Processes that serve connections. */
  serving(): number[];
  /** Kills them; the server itself goes on. */
  cut(): void;
  close(): Promise<void>;
}

/** What such a server is started with. */
export interface Ground {
  folder: string;
  /** A place in it. */
  at: (name: string) => string;
  port: number;
  /** First and last port for data. */
  range: [number, number];
  user: string;
  password: string;
  home: string;
  certificates: Certificates;
}

export const uid = 54_322;
/** Ports for data: more than a suite uses within the minute that closed ones are kept. */
const RANGE = 400;

/**
 * Starts a server on a free port with a folder of its own, gone when it is closed.
 * @param names whom the certificate is for, as in subjectAltName; IP:127.0.0.1 when unset
 * @param command the program and its arguments
 * @param log file in the folder that it writes
 */
export async function startFtpd(
  name: string,
  names: string | undefined,
  log: string,
  command: (ground: Ground) => [string, ...string[]],
): Promise<Ftpd> {
  const folder = mkdtempSync(join(tmpdir(), `legendo-${name}-`));
  chmodSync(folder, 0o755);
  const at = (name: string) => join(folder, name);
  const home = at("home");
  mkdirSync(home);
  chownSync(home, uid, uid);
  const certificates = makeCertificates(folder, names);
  const port = await freePort();
  const first = 15_000 + Math.floor(Math.random() * (17_000 - RANGE));
  const [user, password] = ["camille", randomBytes(12).toString("hex")];
  const [program, ...args] = command({ folder, at, port, range: [first, first + RANGE], user, password, home, certificates });
  const running = launch({ name, dataDir: folder, command: program, args, env: process.env, cwd: folder });
  const serving = () => descendantsOf(running.pid);
  const cut = () => {
    for (const pid of serving()) kill(pid);
  };
  const close = async () => {
    // Those that serve do not end with it; and it must not start another meanwhile.
    kill(running.pid, "SIGSTOP");
    cut();
    await running.stop(0);
    rmSync(folder, { recursive: true, force: true });
  };
  await untilReady(running, () => listens(port)).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    host: `127.0.0.1:${port}`,
    user,
    password,
    home,
    ca: certificates.ca,
    fingerprint: certificates.fingerprint,
    give: (path) => void execFileSync("chown", ["-hR", `${uid}:${uid}`, path]),
    log: () => tail(at(log), 1000),
    serving,
    cut,
    close,
  };
}

/** A password as account files hold it: crypt(3); Perl is part of every Debian. */
export const hashed = (password: string): string =>
  execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, "$6$legendo"], { encoding: "utf8" });

function listens(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** Every process that comes from another. */
function descendantsOf(pid: number): number[] {
  const processes = spawnSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout.trim().split("\n");
  const pairs = processes.map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] => pairs.flatMap(([child, of]) => (of === parent ? [child!, ...below(child!)] : []));
  return below(pid);
}

function kill(pid: number, signal: NodeJS.Signals = "SIGKILL"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It had ended by itself.
  }
}
