import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { launch } from "../../scripts/servers/process.ts";
import { tail, untilReady } from "../../scripts/servers/ready.ts";
import { say } from "../../scripts/terminal.ts";
import { makeCertificates } from "./certificates.ts";

/** A real FTP server with one account that exists nowhere else. */
export interface Ftpd {
  /** "127.0.0.1:port" */
  host: string;
  user: string;
  password: string;
  /** The user's folder, "/" to them. */
  home: string;
  /** PEM of the authority that signed the server's certificate, and that certificate's SHA-256. */
  ca: string;
  fingerprint: string;
  /** Makes a file or a folder (and what is in it) the user's. */
  give(path: string): void;
  /** The end of what the server wrote down. */
  log(): string;
  /** Processes that serve connections. */
  serving(): number[];
  /** Kills them; the server itself goes on. */
  cut(): void;
  close(): Promise<void>;
}

export interface VsftpdOptions {
  /** off; offered: by AUTH TLS; required; implicit: from the first byte. */
  tls?: "off" | "offered" | "required" | "implicit";
  /** Lines of vsftpd.conf that come after ours. */
  config?: string[];
  /** Whom the certificate is for, as in subjectAltName; IP:127.0.0.1 when unset. */
  names?: string;
  /** The account's folder is on a disk of its own of so many bytes. `home` is then another, that the server does not see. */
  space?: number;
}

const uid = 54_322;
/** Ports for data. */
const RANGE = 200;

/**
 * Starts vsftpd on a free port. It sees account files of its own in a mount namespace of its own, so that the machine gets no account and
 * nothing is left when it ends. Needs root.
 */
export async function startVsftpd({ tls = "off", config = [], names, space }: VsftpdOptions = {}): Promise<Ftpd> {
  const vsftpd = await provide();
  const folder = mkdtempSync(join(tmpdir(), "legendo-vsftpd-"));
  chmodSync(folder, 0o755);
  const at = (name: string) => join(folder, name);
  const [user, password] = ["camille", randomBytes(12).toString("hex")];
  const home = at("home");
  mkdirSync(home);
  mkdirSync(at("empty"));
  chownSync(home, uid, uid);
  const { ca, fingerprint, cert, key } = makeCertificates(folder, names);
  writeAccount(at("etc"), user, password, home);

  const port = await freePort();
  const first = 15_000 + Math.floor(Math.random() * (17_000 - RANGE));
  const secure = {
    off: [],
    offered: ["ssl_enable=YES", "force_local_logins_ssl=NO", "force_local_data_ssl=NO"],
    required: ["ssl_enable=YES", "force_local_logins_ssl=YES", "force_local_data_ssl=YES"],
    implicit: ["ssl_enable=YES", "implicit_ssl=YES"],
  }[tls];
  writeFileSync(
    at("vsftpd.conf"),
    [
      "listen=YES",
      "listen_address=127.0.0.1",
      `listen_port=${port}`,
      `pasv_min_port=${first}`,
      `pasv_max_port=${first + RANGE}`,
      "background=NO",
      "anonymous_enable=NO",
      "local_enable=YES",
      "write_enable=YES",
      "local_umask=022",
      "chroot_local_user=YES",
      "allow_writeable_chroot=YES",
      "pam_service_name=vsftpd",
      `secure_chroot_dir=${at("empty")}`,
      // Its sandbox kills it under newer C libraries.
      "seccomp_sandbox=NO",
      "delay_failed_login=0",
      `vsftpd_log_file=${at("vsftpd.log")}`,
      "xferlog_enable=YES",
      "log_ftp_protocol=YES",
      "debug_ssl=YES",
      `rsa_cert_file=${cert}`,
      `rsa_private_key_file=${key}`,
      "ssl_ciphers=HIGH",
      "require_ssl_reuse=YES",
      ...secure,
      ...config,
    ]
      .map((line) => `${line}\n`)
      .join(""),
  );
  const inside = [
    "set -e",
    'mount --bind "$0/etc" /etc',
    ...(space === undefined ? [] : [`mount -t tmpfs -o size=${space},uid=${uid},gid=${uid} tmpfs "$0/home"`]),
    `exec ${vsftpd} "$0/vsftpd.conf"`,
  ].join("\n");
  const running = launch({
    name: "vsftpd",
    dataDir: folder,
    command: "unshare",
    args: ["--mount", "--propagation", "private", "sh", "-c", inside, folder],
    env: process.env,
    cwd: folder,
  });
  const serving = () => sessionOf(running.pid).filter((pid) => pid !== running.pid);
  const cut = () => {
    for (const pid of serving()) kill(pid);
  };
  const close = async () => {
    cut();
    await running.stop(2000);
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
    ca,
    fingerprint,
    give: (path) => void execFileSync("chown", ["-hR", `${uid}:${uid}`, path]),
    log: () => tail(at("vsftpd.log"), 400),
    serving,
    cut,
    close,
  };
}

async function provide(): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error("A test that starts vsftpd needs root: it gets account files of its own by mounting them.");
  if (!(findProgram("vsftpd") && findProgram("openssl")) && canAptInstall()) await aptInstall(["vsftpd", "openssl"], say);
  const vsftpd = findProgram("vsftpd");
  if (!vsftpd) throw new Error("vsftpd is needed: install the package of that name.");
  return vsftpd;
}

/** Account files of this machine with one account more. */
function writeAccount(folder: string, user: string, password: string, home: string): void {
  mkdirSync(join(folder, "pam.d"), { recursive: true });
  for (const name of ["nsswitch.conf", "ld.so.cache", "localtime"]) {
    if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, join(folder, name));
  }
  // crypt(3) is what shadow files hold; Perl is part of every Debian.
  const hash = execFileSync("perl", ["-e", "print crypt($ARGV[0], $ARGV[1])", password, "$6$legendo"], { encoding: "utf8" });
  const accounts = {
    passwd: `${user}:x:${uid}:${uid}::${home}:/bin/sh`,
    group: `${user}:x:${uid}:`,
    shadow: `${user}:${hash}:20000:0:99999:7:::`,
  };
  for (const [name, line] of Object.entries(accounts)) {
    writeFileSync(join(folder, name), `${readFileSync(`/etc/${name}`, "utf8").trimEnd()}\n${line}\n`, {
      mode: name === "shadow" ? 0o600 : 0o644,
    });
  }
  writeFileSync(join(folder, "pam.d/vsftpd"), "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n");
}

function listens(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}

/** Every process of a session: `launch` gives each server one of its own. */
const sessionOf = (leader: number): number[] =>
  spawnSync("ps", ["--sid", String(leader), "-o", "pid="], { encoding: "utf8" })
    .stdout.split("\n")
    .filter(Boolean)
    .map(Number);

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It had ended by itself.
  }
}
