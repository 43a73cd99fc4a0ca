import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { launch } from "../../scripts/servers/process.ts";
import { untilReady } from "../../scripts/servers/ready.ts";
import { say } from "../../scripts/terminal.ts";

/** A real OpenSSH server with one account that exists nowhere else. */
export interface OpenSsh {
  host: string;
  port: number;
  user: string;
  password: string;
  /** Private keys that log the user in; `locked` needs the passphrase. */
  keys: { plain: string; rsa: string; locked: string };
  passphrase: string;
  /** Fingerprints of the server's own keys, SHA256:… */
  hostKeys: Record<HostKey, string>;
  /** The user's folder. What is in "small" only the server sees: it is on a disk of one MiB. */
  home: string;
  /** Makes a file or a folder (and what is in it) the user's. */
  give: (path: string) => void;
  /** How many connections have a session. */
  sessions(): number;
  /** Sends a signal to every process that serves a connection; the server itself goes on. */
  signal: (name: NodeJS.Signals) => void;
  close(): Promise<void>;
}

const hostKeys = ["ed25519", "ecdsa", "rsa"] as const;
type HostKey = (typeof hostKeys)[number];

export interface OpenSshOptions {
  /** Lines of sshd_config that come before ours. */
  config?: string[];
  /** The password is asked for by keyboard-interactive (PAM) alone. */
  keyboard?: boolean;
  /** Command line of the SFTP server instead of OpenSSH's without options. */
  sftp?: string;
}

const sftpServer = "/usr/lib/openssh/sftp-server";

const uid = 54_321;

/**
 * Starts sshd on a free port. It sees account files of its own in a mount namespace of its own, so that the machine gets no account and
 * nothing is left when it ends. Needs root.
 */
export async function startOpenSsh({ config = [], keyboard = false, sftp = sftpServer }: OpenSshOptions = {}): Promise<OpenSsh> {
  const sshd = await provide();
  const folder = mkdtempSync(join(tmpdir(), "legendo-sshd-"));
  chmodSync(folder, 0o755);
  const at = (name: string) => join(folder, name);
  const [user, password, passphrase] = ["camille", randomBytes(12).toString("hex"), randomUUID()];
  const home = at("home");
  mkdirSync(home);
  chownSync(home, uid, uid);

  const newKey = (name: string, type: string, secret = "") => {
    execFileSync("ssh-keygen", ["-q", "-t", type, ...(type === "rsa" ? ["-b", "2048"] : []), "-N", secret, "-C", name, "-f", at(name)]);
    return readFileSync(at(name), "utf8");
  };
  for (const type of hostKeys) newKey(`host_${type}`, type);
  const keys = { plain: newKey("plain", "ed25519"), rsa: newKey("rsa", "rsa"), locked: newKey("locked", "ed25519", passphrase) };
  writeFileSync(
    at("authorized"),
    Object.keys(keys)
      .map((name) => readFileSync(at(`${name}.pub`)))
      .join(""),
  );

  // crypt(3) is what shadow files hold; Perl is part of every Debian.
  const hash = execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, "$6$legendo"], { encoding: "utf8" });
  mkdirSync(at("etc/pam.d"), { recursive: true });
  for (const name of ["nsswitch.conf", "ld.so.cache"]) if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, at(`etc/${name}`));
  const accounts = {
    passwd: `${user}:x:${uid}:${uid}::${home}:/bin/sh`,
    group: `${user}:x:${uid}:`,
    shadow: `${user}:${hash}:20000:0:99999:7:::`,
  };
  for (const [name, line] of Object.entries(accounts)) {
    writeFileSync(at(`etc/${name}`), `${readFileSync(`/etc/${name}`, "utf8").trimEnd()}\n${line}\n`, {
      mode: name === "shadow" ? 0o600 : 0o644,
    });
  }
  writeFileSync(at("etc/pam.d/sshd"), "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n");

  const port = await freePort();
  writeFileSync(
    at("sshd_config"),
    [
      ...config,
      `ListenAddress 127.0.0.1:${port}`,
      ...hostKeys.map((type) => `HostKey ${at(`host_${type}`)}`),
      `AuthorizedKeysFile ${at("authorized")}`,
      `AllowUsers ${user}`,
      `PasswordAuthentication ${keyboard ? "no" : "yes"}`,
      `KbdInteractiveAuthentication ${keyboard ? "yes" : "no"}`,
      `UsePAM ${keyboard ? "yes" : "no"}`,
      "StrictModes no",
      "MaxStartups 100",
      "UseDNS no",
      "PidFile none",
      `Subsystem sftp ${sftp}`,
      // From 9.8 on a wrong password locks the sender out, which here is every test.
      ...(newerThan(sshd, 9, 8) ? ["PerSourcePenalties no"] : []),
    ].join("\n"),
  );
  const inside = [
    "set -e",
    // The whole of it: a mount on a single file ends when the machine gets a new one of that name, as it does with a new account.
    'mount --bind "$0/etc" /etc',
    // sshd locks itself into an empty folder there that the package's service would have made.
    "mount -t tmpfs tmpfs /run",
    "mkdir /run/sshd",
    'mkdir "$0/home/small"',
    `mount -t tmpfs -o size=1m,uid=${uid},mode=755 tmpfs "$0/home/small"`,
    `exec ${sshd} -D -e -f "$0/sshd_config"`,
  ].join("\n");
  const running = launch({
    name: "sshd",
    dataDir: folder,
    // It ends with this process, however that ends.
    command: "setpriv",
    args: ["--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", "sh", "-c", inside, folder],
    env: process.env,
    cwd: folder,
  });
  const signal = (name: NodeJS.Signals) => {
    for (const pid of descendants(running.pid)) send(name, pid);
  };
  const close = async () => {
    signal("SIGKILL");
    await running.stop(2000);
    rmSync(folder, { recursive: true, force: true });
  };
  await untilReady(running, () => greets(port)).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  const fingerprint = (type: HostKey) =>
    execFileSync("ssh-keygen", ["-l", "-f", at(`host_${type}.pub`)], { encoding: "utf8" }).split(" ")[1]!;
  return {
    host: "127.0.0.1",
    port,
    user,
    password,
    keys,
    passphrase,
    hostKeys: { ed25519: fingerprint("ed25519"), ecdsa: fingerprint("ecdsa"), rsa: fingerprint("rsa") },
    home,
    give: (path) => void execFileSync("chown", ["-R", `${uid}:${uid}`, path]),
    sessions: () => descendants(running.pid).filter((pid) => commandOf(pid).includes(`: ${user}@`)).length,
    signal,
    close,
  };
}

async function provide(): Promise<string> {
  if (process.getuid?.() !== 0)
    throw new Error("A test that starts OpenSSH needs root: sshd gets account files of its own by mounting them.");
  if (!findProgram("sshd") && canAptInstall()) await aptInstall(["openssh-server"], say);
  const sshd = findProgram("sshd");
  if (!sshd || !existsSync(sftpServer)) throw new Error("OpenSSH's server is needed: install openssh-server.");
  return sshd;
}

function newerThan(sshd: string, major: number, minor: number): boolean {
  const [, found = "0", below = "0"] = /OpenSSH_(\d+)\.(\d+)/.exec(spawnSync(sshd, ["-V"], { encoding: "utf8" }).stderr) ?? [];
  return Number(found) > major || (Number(found) === major && Number(below) >= minor);
}

function greets(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", reject).once("close", () => reject(new Error("closed without a greeting")));
    socket.once("data", () => {
      resolve();
      socket.destroy();
    });
  });
}

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};
const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ");

function descendants(of: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    // "pid (name) state parent": the name may hold anything, so what follows the last ')' counts.
    const parent = /^\d+$/.test(name) && /.*\) \S (\d+)/s.exec(read(`/proc/${name}/stat`))?.[1];
    if (parent) parents.set(Number(name), Number(parent));
  }
  const below = (pid: number): number[] =>
    [...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => [...below(child), child]);
  return below(of);
}

function send(signal: NodeJS.Signals, pid: number): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It had ended by itself.
  }
}
