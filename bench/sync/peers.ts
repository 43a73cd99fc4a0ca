import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { installed, timed, type Cost } from "./processes.ts";

/** Where a tool copies from: a folder, or what rclone has to be told of a server. */
export interface Origin {
  path: string;
  /** So many are there. */
  files: number;
  remote?: Record<string, string>;
}

/** A tool that people use by hand for the same job, into a destination that is fresh unless it is to find its own work of before. */
export interface Peer {
  name: string;
  copy(origin: Origin, destination: string): Promise<Cost>;
}

const password = "bench only";

/** A password as rclone wants it in its settings. */
export const obscured = (secret: string): string => spawnSync("rclone", ["obscure", secret], { encoding: "utf8" }).stdout.trim();

function rclone(name: string, crypt: boolean): Peer {
  const key = crypt ? obscured(password) : "";
  return {
    name,
    async copy({ path, files, remote = {} }, destination) {
      mkdirSync(destination, { recursive: true });
      const vault = { RCLONE_CONFIG_VAULT_TYPE: "crypt", RCLONE_CONFIG_VAULT_REMOTE: destination, RCLONE_CONFIG_VAULT_PASSWORD: key };
      const from = Object.fromEntries(
        Object.entries(remote).map(([option, value]) => [`RCLONE_CONFIG_FROM_${option.toUpperCase()}`, value]),
      );
      const quiet = ["--config", join(destination, "..", "rclone.conf"), "--quiet"];
      const source = Object.keys(remote).length ? `from:${path}` : path;
      const cost = await timed(["rclone", "copy", ...quiet, source, crypt ? "vault:" : destination], { ...from, ...(crypt ? vault : {}) });
      // It passes over what it does not understand of a listing, and ends well.
      const copied = readdirSync(destination, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length;
      if (copied !== files) throw new Error(`rclone copied ${copied} of ${files} files.`);
      return cost;
    },
  };
}

const restic = (): Peer => ({
  name: "restic",
  async copy({ path }, destination) {
    const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: `${destination}-cache`, RESTIC_REPOSITORY: destination };
    if (!made.has(destination)) await timed(["restic", "init"], env);
    made.add(destination);
    return await timed(["restic", "backup", "--quiet", path], env);
  },
});

const borg = (): Peer => ({
  name: "borg",
  async copy({ path }, destination) {
    const env = { BORG_PASSPHRASE: password, BORG_BASE_DIR: `${destination}-base`, BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes" };
    if (!made.has(destination)) await timed(["borg", "init", "--encryption=repokey-blake2", destination], env);
    made.add(destination);
    return await timed(["borg", "create", `${destination}::{now:%s%f}`, path], env);
  },
});
/** Repositories that exist. */
const made = new Set<string>();

/** Tools that encrypt, as the vault does; the first is the one that aims are stated against. */
export const encryptingPeers = (): Peer[] => [
  ...(installed("rclone") ? [rclone("rclone crypt", true)] : []),
  ...(installed("restic") ? [restic()] : []),
  ...(installed("borg") ? [borg()] : []),
];

/** The floor of a run that finds nothing to do: plain files, sizes and times compared. */
export const plainPeers = (): Peer[] => (installed("rclone") ? [rclone("rclone plain", false)] : []);
