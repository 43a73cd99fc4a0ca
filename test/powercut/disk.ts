import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { launch } from "../../scripts/servers/process.ts";
import { untilReady } from "../../scripts/servers/ready.ts";
import { say } from "../../scripts/terminal.ts";

/** A disk whose power can be cut; see disk.py. */
export interface Disk {
  /** Where it is mounted. */
  folder: string;
  /** Cuts the power: everything on the disk fails from now on. @returns a folder with what has survived */
  cut(): string;
  close(): Promise<void>;
}

const python = "/usr/bin/python3";
const hasFusepy = () => spawnSync(python, ["-c", "import fusepy"]).status === 0;

/** Why there can be no such disk on this machine; undefined when there can be one. Installs what is missing, as root on Debian. */
export async function diskTrouble(): Promise<string | undefined> {
  if (!existsSync("/dev/fuse")) return "the kernel offers no FUSE (/dev/fuse)";
  if (process.getuid?.() !== 0) return "mounting a disk of one's own needs root";
  if (!hasFusepy() && canAptInstall()) await aptInstall(["python3-fusepy", "fuse3"], say).catch(() => {});
  return hasFusepy() ? undefined : "python3-fusepy is not installed";
}

export async function startDisk(): Promise<Disk> {
  const home = mkdtempSync(join(tmpdir(), "legendo-disk-"));
  const [folder, survivors] = [join(home, "mount"), join(home, "survivors")];
  mkdirSync(folder);
  const outside = statSync(home).dev;
  const script = fileURLToPath(new URL("./disk.py", import.meta.url));
  const running = launch({
    name: "disk",
    dataDir: home,
    command: python,
    args: [script, folder, survivors],
    env: process.env,
    cwd: home,
  });
  const close = async () => {
    spawnSync("umount", ["--lazy", folder]);
    await running.stop(2000);
    rmdirSync(folder);
    rmSync(home, { recursive: true, force: true });
  };
  const mounted = () => (statSync(folder).dev === outside ? Promise.reject(new Error("not mounted yet")) : Promise.resolve());
  await untilReady(running, mounted).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return {
    folder,
    cut() {
      try {
        mkdirSync(join(folder, ".powercut"));
      } catch (error) {
        // The new folder can't be looked at any more.
        if ((error as NodeJS.ErrnoException).code !== "EIO") throw error;
      }
      return survivors;
    },
    close,
  };
}
