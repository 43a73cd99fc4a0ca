import { mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { place } from "../../services/sync/sources/disk.ts";
import type { FtpSpec } from "../../services/sync/sources/ftp/spec.ts";
import { nameOfBytes } from "../../services/sync/sources/names.ts";
import type { Ftpd } from "../servers/ftpd.ts";

/** The account's folder of a server, over FTP. */
export const specOf = ({ host, user, password, ca }: Ftpd, changed: Partial<FtpSpec> = {}): FtpSpec => ({
  kind: "ftp",
  uri: `ftp://${host}/`,
  host,
  trusted: true,
  tls: "none",
  root: "",
  username: user,
  password,
  ca,
  connections: 4,
  ...changed,
});

/** Puts a file into the account's folder. Times are whole seconds to FTP: each content of a file gets one of its own, a while ago. */
export function put({ home }: Ftpd, path: string, bytes: Buffer | string): void {
  const at = place(home, path);
  mkdirSync(dirname(at.toString()), { recursive: true });
  const before = statSync(at, { throwIfNoEntry: false })?.mtimeMs;
  writeFileSync(at, bytes);
  const time = before === undefined ? Date.now() / 1000 - 30 : before / 1000 + 1;
  utimesSync(at, time, time);
}

/** Every file and folder (ending in '/') below a folder, as paths of the catalogue. */
export function namesIn(at: Buffer): string[] {
  return readdirSync(at, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isDirectory()) return [name];
    return [`${name}/`, ...namesIn(Buffer.concat([at, Buffer.from("/"), entry.name])).map((below) => `${name}/${below}`)];
  });
}
