import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { startPureFtpd } from "../../../../test/servers/pureftpd.ts";
import { startVsftpd } from "../../../../test/servers/vsftpd.ts";
import type { Ftpd } from "../../../../test/servers/ftpd.ts";
import { destinationContract, type Writable } from "../destination.contract.ts";
import { place } from "../disk.ts";
import { openDestination, openSource } from "../kinds.ts";
import { nameOfBytes } from "../names.ts";
import type { FtpSpec } from "./spec.ts";

const specOf = (server: Ftpd, tls: FtpSpec["tls"]): FtpSpec => ({
  kind: "ftp",
  uri: `ftps://${server.host}/`,
  host: server.host,
  trusted: true,
  tls,
  root: "",
  username: server.user,
  password: server.password,
  ca: server.ca,
  connections: 4,
});

const writable = (tls: FtpSpec["tls"], start: () => Promise<Ftpd>) => async (): Promise<Writable> => {
  const server = await start();
  return {
    destination: await openDestination(specOf(server, tls)),
    source: await openSource(specOf(server, tls)),
    read: (path) => readFile(place(server.home, path)),
    names: () => Promise.resolve(namesIn(Buffer.from(server.home))),
    close: () => server.close(),
  };
};

function namesIn(at: Buffer): string[] {
  return readdirSync(at, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isDirectory()) return [name];
    return [`${name}/`, ...namesIn(Buffer.concat([at, Buffer.from("/"), entry.name])).map((below) => `${name}/${below}`)];
  });
}

const keepsTime = 1000;
destinationContract(
  "vsftpd",
  writable("none", () => startVsftpd()),
  { keepsTime },
);
destinationContract(
  "vsftpd over TLS",
  writable("explicit", () => startVsftpd({ tls: "required", config: ["strict_ssl_read_eof=YES"] })),
  { keepsTime },
);
destinationContract(
  "Pure-FTPd",
  writable("none", () => startPureFtpd()),
  { keepsTime },
);
destinationContract(
  "Pure-FTPd over TLS",
  writable("explicit", () => startPureFtpd({ tls: "required" })),
  { keepsTime },
);
