import { claimPort } from "./servers/lock.ts";
import { portFor, portIsFree } from "./servers/memory.ts";
import type { Report } from "./servers/servers.ts";

const usual = 3000;

/**
 * Where the HTTP edge will listen: PORT if given, else 3000, else the free port it had before or a new one.
 * @throws when a given PORT is no port or is taken: a program that was told one would look in vain elsewhere.
 */
export async function edgeAddress(dataDir: string, report: Report): Promise<{ port: number; url: string }> {
  const given = process.env["PORT"];
  let port = given ? Number(given) : usual;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT: expected a number between 0 and 65535; got "${given}".`);
  if (port === 0) port = await portFor(dataDir, "api");
  else if (!claimPort(port) || !(await portIsFree(port))) {
    if (given) throw new Error(`Port ${port} (PORT) is taken on 127.0.0.1. Stop what listens there or choose another one.`);
    port = await portFor(dataDir, "api");
    report(`port ${usual} is taken, the edge gets ${port}`);
  }
  return { port, url: `${process.env["TLS_CERT_FILE"] ? "https" : "http"}://127.0.0.1:${port}` };
}
