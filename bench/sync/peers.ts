import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { installed, timed, type Cost } from "./processes.ts";

/** A tool that people use by hand for the same job, into a fresh destination each time. */
export interface Peer {
  name: string;
  copy(source: string, destination: string): Cost;
}

const password = "bench only";

function rclone(name: string, crypt: boolean): Peer {
  const obscured = crypt ? spawnSync("rclone", ["obscure", password], { encoding: "utf8" }).stdout.trim() : "";
  return {
    name,
    copy(source, destination) {
      mkdirSync(destination, { recursive: true });
      const remote = { RCLONE_CONFIG_VAULT_TYPE: "crypt", RCLONE_CONFIG_VAULT_REMOTE: destination, RCLONE_CONFIG_VAULT_PASSWORD: obscured };
      const quiet = ["--config", join(destination, "..", "rclone.conf"), "--quiet"];
      return timed(["rclone", "copy", ...quiet, source, crypt ? "vault:" : destination], crypt ? remote : {});
    },
  };
}

const restic = (): Peer => ({
  name: "restic",
  copy(source, destination) {
    const env = { RESTIC_PASSWORD: password, RESTIC_CACHE_DIR: `${destination}-cache`, RESTIC_REPOSITORY: destination };
    timed(["restic", "init"], env);
    return timed(["restic", "backup", "--quiet", source], env);
  },
});

/** Tools that encrypt, as the vault does. */
export const encryptingPeers = (): Peer[] => [
  ...(installed("rclone") ? [rclone("rclone crypt", true)] : []),
  ...(installed("restic") ? [restic()] : []),
];

/** The floor of a run that finds nothing to do: plain files, sizes and times compared. */
export const plainPeers = (): Peer[] => (installed("rclone") ? [rclone("rclone plain", false)] : []);
