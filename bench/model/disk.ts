import { spawnSync } from "node:child_process";
import { mkdirSync, statfsSync } from "node:fs";

/** A disk of its own that can fill up. */
export interface SmallDisk {
  /** Leaves room for no more than so many bytes. */
  fill(left: number): void;
  free(): void;
  remove(): void;
}

const roomy = "4g";

/** @returns undefined where it can't be made: it needs root and Linux */
export function smallDisk(folder: string): SmallDisk | undefined {
  mkdirSync(folder, { recursive: true });
  const mount = (...options: string[]) => spawnSync("mount", [...options, folder]).status === 0;
  if (!mount("-t", "tmpfs", "-o", `size=${roomy}`, "tmpfs")) return undefined;
  return {
    fill(left) {
      // What is written meanwhile takes of the room: a disk can't be made smaller than what it holds.
      for (let room = left; ; room += 2 ** 20) {
        const { blocks, bfree, bsize } = statfsSync(folder);
        if (mount("-o", `remount,size=${(blocks - bfree) * bsize + room}`)) return;
      }
    },
    free() {
      mount("-o", `remount,size=${roomy}`);
    },
    remove() {
      spawnSync("umount", ["--lazy", folder]);
    },
  };
}
