import { readdir, readlink } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** How many files below a folder this process holds open (Linux). */
async function openFiles(folder: string): Promise<number> {
  const handles = await readdir("/proc/self/fd");
  const targets = await Promise.all(handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => "")));
  return targets.filter((target) => target.startsWith(folder)).length;
}

/** How many are still open after they had time to be closed. */
export async function openFilesLeft(folder: string): Promise<number> {
  for (let tries = 0; tries < 100 && (await openFiles(folder)); tries++) await sleep(50);
  return await openFiles(folder);
}
