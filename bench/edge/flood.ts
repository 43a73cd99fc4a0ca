import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setPriority } from "node:os";

// A thousand people at once, each from an address of their own, with a wrong password for an account of their own. Bare sockets: what a client
// costs here is taken from the measured ones, who share the machine with it.
export interface Flooded {
  /** Status → how many. */
  outcomes: Record<string, number>;
  /** Milliseconds until all requests were sent. */
  sent: number;
}

const [url = "", people = ""] = process.argv.slice(2);
const { hostname: host, port } = new URL(url);
let begin = 0;
let sent = 0;

const attempt = (number: number) =>
  new Promise<string>((resolve) => {
    const body = JSON.stringify({ email: `person${number}@example.com`, password: "wrong horse battery staple" });
    const head = `POST /api/v1/auth/login HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\nContent-Type: application/json\r\n`;
    const socket = connect({ host, port: Number(port), localAddress: `127.1.${number >> 8}.${number & 255}` });
    let status = "nothing";
    socket.once("connect", () => {
      socket.write(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      sent = performance.now() - begin;
    });
    socket.once("data", (bytes) => (status = bytes.toString("latin1", 9, 12)));
    socket.once("error", (error: NodeJS.ErrnoException) => (status = error.code ?? error.message));
    socket.once("close", () => resolve(status));
  });

// Those who attack have CPUs of their own: here they get what the measured ones leave. On Linux sessions are weighed against each other first,
// and only then the processes of each.
setPriority(19);
try {
  writeFileSync("/proc/self/autogroup", "19");
} catch {
  // There are no such groups here.
}

process.once("message", () => {
  begin = performance.now();
  void Promise.all(Array.from({ length: Number(people) }, (_, number) => attempt(number + 1))).then((statuses) => {
    const outcomes: Record<string, number> = {};
    for (const status of statuses) outcomes[status] = (outcomes[status] ?? 0) + 1;
    process.send?.({ outcomes, sent } satisfies Flooded);
  });
});
process.on("disconnect", () => process.exit());
process.send?.({});
