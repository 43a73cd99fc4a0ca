import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startOpenSsh } from "../../test/servers/openssh.ts";
import { startS3 } from "../../test/s3/double.ts";
import { obscured, type Origin } from "./peers.ts";

/** A corpus on a server, for us and for rclone. */
export interface Served {
  title: string;
  host: string;
  /** Share of rclone's wall time that ours may take. */
  aim: number;
  request: { input: string };
  origin: Origin;
  close: () => Promise<void>;
}

/** A real OpenSSH server. */
export async function sftpServer({ path: folder, files }: Origin): Promise<Served> {
  const server = await startOpenSsh();
  cpSync(folder, join(server.home, "files"), { recursive: true, preserveTimestamps: true });
  server.give(server.home);
  const { host, port, user, password } = server;
  const access = { username: user, password, hostKey: server.hostKeys.ed25519 };
  return {
    title: "over SFTP",
    host: `${host}:${port}`,
    aim: 0.7,
    request: { input: `sftp://${host}:${port}/~/files`, sftp: access } as { input: string },
    origin: {
      path: "files",
      files,
      remote: { type: "sftp", host, port: String(port), user, pass: obscured(password), shell_type: "none" },
    },
    close: () => server.close(),
  };
}

/** Our double of S3: what it costs is the same for both sides. */
export async function s3Server({ path: folder, files }: Origin): Promise<Served> {
  const server = await startS3({ buckets: ["bucket"] });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    server.put("bucket", path.slice(folder.length + 1), readFileSync(path));
  }
  const { endpoint, accessKeyId, secretAccessKey } = server;
  return {
    title: "from a bucket",
    host: new URL(endpoint).host,
    aim: 1,
    request: { input: "s3://bucket", s3: { endpoint, accessKeyId, secretAccessKey } } as { input: string },
    origin: {
      path: "bucket",
      files,
      remote: {
        type: "s3",
        provider: "Other",
        endpoint,
        access_key_id: accessKeyId,
        secret_access_key: secretAccessKey,
        force_path_style: "true",
        list_version: "2",
      },
    },
    close: () => server.close(),
  };
}
