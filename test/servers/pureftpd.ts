import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/cluster.ts";
import { aptInstall, aptUnpack, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { say } from "../../scripts/terminal.ts";
import { hashed, startFtpd, uid, type Ftpd } from "./ftpd.ts";

export interface PureFtpdOptions {
  tls?: "off" | "offered" | "required";
  /** Arguments that come after ours. */
  args?: string[];
  /** Whom the certificate is for, as in subjectAltName; IP:127.0.0.1 when unset. */
  names?: string;
  /** Most bytes (whole MiB) that the account may store. */
  quota?: number;
}

/** Starts Pure-FTPd, which knows MLSD and MFMT. Its account stands in a file of its own. Needs root. */
export async function startPureFtpd({ tls = "off", args = [], names, quota }: PureFtpdOptions = {}): Promise<Ftpd> {
  const programs = await provide();
  return await startFtpd(
    "pureftpd",
    names,
    "logs/pureftpd.log",
    ({ at, port, range, user, password, home, certificates: { cert, key } }) => {
      writeFileSync(at("both.pem"), readFileSync(key, "utf8") + readFileSync(cert, "utf8"), { mode: 0o600 });
      // account:password:uid:gid:gecos:home:up:down:up ratio:down ratio:sessions:files:bytes:…
      const limits = ["", "", "", "", "", "", quota === undefined ? "" : String(quota), "", "", "", "", ""];
      writeFileSync(at("accounts"), `${[user, hashed(password), uid, uid, "", `${home}/./`, ...limits].join(":")}\n`);
      execFileSync(programs.manage, ["mkdb", at("accounts.pdb"), "-f", at("accounts")]);
      return [
        programs.serve,
        ...["-S", `127.0.0.1,${port}`, "-p", range.join(":"), "-g", at("pid")],
        ...["-l", `puredb:${at("accounts.pdb")}`, "-E", "-A", "-H", "-D", "-z", "-c", "100", "-C", "100", "-f", "none"],
        ...(quota === undefined ? [] : ["-n", `100000:${quota}`]),
        ...["-Y", { off: "0", offered: "1", required: "3" }[tls], "-2", at("both.pem")],
        ...args,
      ];
    },
  );
}

/** It can't be installed beside another FTP server, but it runs from any folder. */
async function provide(): Promise<{ serve: string; manage: string }> {
  if (process.getuid?.() !== 0) throw new Error("A test that starts Pure-FTPd needs root: it acts for its account.");
  const [serve, manage] = [findProgram("pure-ftpd"), findProgram("pure-pw")];
  if (serve && manage) return { serve, manage };
  if (!canAptInstall()) throw new Error("Pure-FTPd is needed: install pure-ftpd.");
  const folder = join(root, "node_modules/.cache/pure-ftpd");
  await aptUnpack("pure-ftpd", folder, say);
  const unpacked = { serve: join(folder, "usr/sbin/pure-ftpd"), manage: join(folder, "usr/bin/pure-pw") };
  const needs = execFileSync("ldd", [unpacked.serve], { encoding: "utf8" });
  if (needs.includes("not found")) await aptInstall(["libsodium23", "libcap2", "openssl"], say);
  return unpacked;
}
