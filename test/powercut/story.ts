import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { testVault } from "../vault.ts";
import { startDisk } from "./disk.ts";

export interface AfterTheCut {
  /** What the catalogue had as stored when the power went: of the job that had ended, and of the one that ran. */
  recorded: { ended: number; running: number };
  /** Paths of these that do not read back as they were. */
  lost: string[];
  /** How the job ended that ran. */
  status: string;
}

/**
 * Syncs one folder to the end and another half-way into a vault on a disk of its own, cuts the disk's power, and reads back from what is left
 * of it all that was recorded as stored.
 */
export async function cutThePower(variables: Record<string, string>): Promise<AfterTheCut> {
  const disk = await startDisk();
  const vault = await testVault(variables, { folder: `${disk.folder}/vault` }).catch(async (error: unknown) => {
    await disk.close();
    throw error;
  });
  try {
    const tenant = crypto.randomUUID();
    const files = new Map<string, Buffer>();
    const write = (path: string, bytes: Buffer) => {
      files.set(path, bytes);
      vault.write(tenant, path, bytes);
    };
    for (let i = 0; i < 200; i++) write(`ended/${i}.bin`, randomBytes(3_000 + i));
    write("ended/large.bin", randomBytes(18 * 2 ** 20));
    const sync = async (folder: string) =>
      (await vault.as(tenant, "sync.jobs.create", { input: pathToFileURL(`${vault.source(tenant)}/${folder}`).href })).id;
    const { status: first } = await vault.ended(tenant, await sync("ended"));
    if (first !== "completed") throw new Error(`The first job ended ${first}.`);

    for (let i = 0; i < 5_000; i++) write(`running/${String(i).padStart(4, "0")}.bin`, randomBytes(10_000));
    const id = await sync("running");
    for (let stored = 0; stored < 1_000;) {
      await sleep(5);
      const { items, status } = await vault.as(tenant, "sync.jobs.get", { id });
      stored = items.stored;
      if (status === "completed") break;
    }
    const survivors = disk.cut();
    // What commits after this moment could not be synced any more, and a second job must not count it.
    const { status } = await vault.ended(tenant, id, 120);
    const recorded = { ended: 0, running: 0 };
    const lost: string[] = [];
    for (const { id, source, path } of await vault.assets(tenant)) {
      const folder = source.endsWith("/ended") ? "ended" : "running";
      recorded[folder]++;
      const bytes = await vault.read(tenant, id, undefined, `${survivors}/vault`).catch(() => undefined);
      if (!bytes?.equals(files.get(`${folder}/${path}`)!)) lost.push(`${folder}/${path}`);
    }
    return { recorded, lost, status };
  } finally {
    await vault.close();
    await disk.close();
  }
}
