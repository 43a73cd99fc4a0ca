import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { say } from "../../scripts/terminal.ts";
import { hashed, startFtpd, uid, type Ftpd, type Ground } from "./ftpd.ts";

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

/**
 * Starts vsftpd, the FTP server of most Linux machines: it lists folders as ls does and knows neither MLSD nor MFMT. It sees account files of
 * its own in a mount namespace of its own, so that the machine gets no account and nothing is left when it ends. Needs root.
 */
export async function startVsftpd({ tls = "off", config = [], names, space }: VsftpdOptions = {}): Promise<Ftpd> {
  const vsftpd = await provide();
  return await startFtpd("vsftpd", names, "vsftpd.log", (ground) => {
    const { folder, at, user, password, home } = ground;
    mkdirSync(at("empty"));
    writeAccount(at("etc"), user, password, home);
    writeFileSync(at("vsftpd.conf"), [...settings(ground), ...secure[tls], ...config].map((line) => `${line}\n`).join(""));
    const inside = [
      "set -e",
      // Before /etc is another: the command is looked up there.
      ...(space === undefined ? [] : [`mount -t tmpfs -o size=${space},uid=${uid},gid=${uid} tmpfs "$0/home"`]),
      'mount --bind "$0/etc" /etc',
      `exec ${vsftpd} "$0/vsftpd.conf"`,
    ];
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", inside.join("\n"), folder];
  });
}

const secure: Record<NonNullable<VsftpdOptions["tls"]>, string[]> = {
  off: [],
  offered: ["ssl_enable=YES", "force_local_logins_ssl=NO", "force_local_data_ssl=NO"],
  required: ["ssl_enable=YES", "force_local_logins_ssl=YES", "force_local_data_ssl=YES"],
  implicit: ["ssl_enable=YES", "implicit_ssl=YES"],
};

const settings = ({ at, port, range, certificates: { cert, key } }: Ground): string[] => [
  "listen=YES",
  "listen_address=127.0.0.1",
  `listen_port=${port}`,
  `pasv_min_port=${range[0]}`,
  `pasv_max_port=${range[1]}`,
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
];

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
  const lines = {
    passwd: `${user}:x:${uid}:${uid}::${home}:/bin/sh`,
    group: `${user}:x:${uid}:`,
    shadow: `${user}:${hashed(password)}:20000:0:99999:7:::`,
  };
  for (const [name, line] of Object.entries(lines)) {
    writeFileSync(join(folder, name), `${readFileSync(`/etc/${name}`, "utf8").trimEnd()}\n${line}\n`, {
      mode: name === "shadow" ? 0o600 : 0o644,
    });
  }
  writeFileSync(join(folder, "pam.d/vsftpd"), "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n");
}
