import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Report } from "./servers.ts";

const policy = "/usr/sbin/policy-rc.d";

export const canAptInstall = (): boolean => process.getuid?.() === 0 && existsSync("/usr/bin/apt-get");

/**
 * Installs Debian packages without questions, and without starting the services they bring: ours run on ports and folders of their own.
 * @throws with apt's own last words.
 */
export async function aptInstall(names: string[], report: Report): Promise<void> {
  report(`installing ${names.join(", ")} with apt-get (once)`);
  const keepsDaemonsDown = existsSync(policy);
  if (!keepsDaemonsDown) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    // An outdated package list names files that mirrors no longer have; a failing refresh may still leave a usable one.
    const refresh = await apt(["update", "-q"]).then(
      () => "",
      (error: Error) => `\n${error.message}`,
    );
    await apt(["install", "-y", "-q", "--no-install-recommends", ...names]).catch((error: Error) => {
      throw new Error(`${error.message}${refresh}`);
    });
  } finally {
    if (!keepsDaemonsDown) rmSync(policy, { force: true });
  }
}

/**
 * Unpacks a Debian package into a folder, for programs that can't be installed because they conflict with others. Nothing of it is run, and
 * what it depends on does not come with it.
 * @throws with apt's own last words.
 */
export async function aptUnpack(name: string, folder: string, report: Report): Promise<void> {
  if (existsSync(folder)) return;
  report(`unpacking ${name} (once)`);
  mkdirSync(dirname(folder), { recursive: true });
  const temporary = mkdtempSync(`${folder}-`);
  try {
    const download = () => apt(["download", "-q", name], temporary);
    await download().catch(() => apt(["update", "-q"]).then(download));
    const [file = ""] = readdirSync(temporary);
    execFileSync("dpkg-deb", ["--extract", join(temporary, file), join(temporary, "root")]);
    renameSync(join(temporary, "root"), folder);
  } catch (error) {
    // Another suite may have done it meanwhile.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function apt(args: string[], cwd?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    // Two clones may start at the same time: wait for the other's apt.
    const child = spawn("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      stdio: ["ignore", "pipe", "pipe"],
      ...(cwd && { cwd }),
    });
    let output = "";
    const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-4000));
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`apt-get ${args.join(" ")} failed (exit code ${code}):\n${output.trim()}`)),
    );
  });
}
