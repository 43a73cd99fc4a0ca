import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

// A process: a web server that takes its time. /NAME-COUNT-SIZE/ is a folder of COUNT files of SIZE bytes, listed as nginx lists in JSON;
// folders of other names have other contents. Tells its parent the port.
const latencyMs = Number(process.argv[2]);
const modified = new Date(1_700_000_000_000).toUTCString();
const noise = Buffer.from(Array.from({ length: 1 << 16 }, (_, i) => (Math.imul(i + 1, 2_654_435_761) >>> 13) & 255));

/** Bytes that no other file has: deduplication would spare the work. */
function content(path: string, size: number): Buffer {
  const bytes = Buffer.from(noise.subarray(0, size));
  bytes.write(path);
  return bytes;
}

const server = createServer((request, response) => {
  const [, folder = "", file = ""] = request.url!.split("/");
  const [count = 0, size = 0] = folder.split("-").slice(-2).map(Number);
  const body = file
    ? content(request.url!, size)
    : Buffer.from(JSON.stringify(Array.from({ length: count }, (_, i) => ({ name: `${i}.bin`, type: "file", mtime: modified, size }))));
  void sleep(latencyMs).then(() => {
    response.setHeader("content-type", file ? "application/octet-stream" : "application/json");
    response.setHeader("content-length", body.length);
    if (file) response.setHeader("last-modified", modified);
    response.end(request.method === "HEAD" ? undefined : body);
  });
});
server.listen(0, "127.0.0.1", () => process.send!({ port: (server.address() as AddressInfo).port }));
process.once("disconnect", () => process.exit());
