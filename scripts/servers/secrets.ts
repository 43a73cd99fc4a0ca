import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Passwords and keys of one data folder, and what the first start made with them. Losing them means losing the vault. */
export interface Secrets {
  postgresPassword: string;
  redisPassword: string;
  natsPassword: string;
  clusterSecret: string;
  masterKeys: string;
  demoPassword: string;
  demoApiKey?: string;
  demoWebhook?: { url: string; secret: string };
}

const file = (dataDir: string) => join(dataDir, "secrets.json");
const random = () => randomBytes(24).toString("base64url");

/** Writes JSON so that a reader or a crash sees the old or the new content, never half of it; mode 600. */
export function writePrivateJson(path: string, value: unknown): void {
  const next = `${path}.${process.pid}.new`;
  const fd = openSync(next, "w", 0o600);
  writeSync(fd, `${JSON.stringify(value, null, 2)}\n`);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(next, path);
}

/**
 * The folder's secrets, made once.
 * @throws when the file is damaged, or is gone while data sealed with it is still there: new secrets would lock that data for ever.
 */
export function loadSecrets(dataDir: string): Secrets {
  mkdirSync(dataDir, { recursive: true });
  if (existsSync(file(dataDir))) return parse(file(dataDir));
  const orphans = ["postgres", "vault"].filter((name) => existsSync(join(dataDir, name)));
  if (orphans.length) {
    throw new Error(
      `${dataDir} holds data (${orphans.join(", ")}) but its secrets.json is missing. Put that file back, or move the folder away to begin anew.`,
    );
  }
  const secrets: Secrets = {
    postgresPassword: random(),
    redisPassword: random(),
    natsPassword: random(),
    clusterSecret: random() + random(),
    masterKeys: `local1:${randomBytes(32).toString("base64")}`,
    demoPassword: random(),
  };
  writePrivateJson(file(dataDir), secrets);
  return secrets;
}

/** Adds to the folder's secrets what a first start learned. */
export function keepSecrets(dataDir: string, learned: Partial<Secrets>): Secrets {
  const secrets = { ...loadSecrets(dataDir), ...learned };
  writePrivateJson(file(dataDir), secrets);
  return secrets;
}

function parse(path: string): Secrets {
  const fault = (why: string, cause?: unknown) =>
    new Error(`${path} ${why}. Restore it from a copy: without it the data beside it can't be read.`, { cause });
  let secrets: Secrets;
  try {
    secrets = JSON.parse(readFileSync(path, "utf8")) as Secrets;
  } catch (cause) {
    throw fault("is not readable JSON", cause);
  }
  const names = ["postgresPassword", "redisPassword", "natsPassword", "clusterSecret", "masterKeys", "demoPassword"] as const;
  const missing = names.filter((name) => typeof secrets[name] !== "string");
  if (missing.length) throw fault(`lacks ${missing.join(", ")}`);
  return secrets;
}
