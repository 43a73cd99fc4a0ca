import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe } from "@jest/globals";
import type { Ftpd } from "../../../test/servers/ftpd.ts";
import { startVsftpd } from "../../../test/servers/vsftpd.ts";
import { sourceContract } from "./contract.ts";
import { place } from "./disk.ts";
import type { FtpSpec } from "./ftp/spec.ts";
import { openSource } from "./kinds.ts";

const specOf = ({ host, user, password, ca }: Ftpd, changed: Partial<FtpSpec> = {}): FtpSpec => ({
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

/** Puts a file into the account's folder. Times are whole seconds to FTP: each content gets one of its own. */
function putter(server: Ftpd) {
  return (path: string, bytes: Buffer | string) => {
    const at = place(server.home, path);
    mkdirSync(dirname(at.toString()), { recursive: true });
    const before = statSync(at, { throwIfNoEntry: false })?.mtimeMs;
    writeFileSync(at, bytes);
    const time = before === undefined ? Date.now() / 1000 - 30 : before / 1000 + 1;
    utimesSync(at, time, time);
    return Promise.resolve();
  };
}

for (const [name, tls] of [
  ["FTP", "none"],
  ["FTPS", "explicit"],
] as const) {
  sourceContract(name, async () => {
    const server = await startVsftpd({ tls: tls === "none" ? "off" : "required" });
    const put = putter(server);
    return {
      source: await openSource(specOf(server, { tls })),
      put,
      remove: (path) => Promise.resolve(rmSync(place(server.home, path))),
      close: () => server.close(),
    };
  });
}

describe("x", () => {});
