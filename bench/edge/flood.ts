import { request } from "node:http";

// A thousand people at once, each from an address of their own, with a wrong password for an account of their own.
/** Status → how many. */
export type Outcomes = Record<string, number>;

const [url = "", people = ""] = process.argv.slice(2);

const attempt = (number: number) =>
  new Promise<string>((resolve) => {
    const body = JSON.stringify({ email: `person${number}@example.com`, password: "wrong horse battery staple" });
    const localAddress = `127.1.${number >> 8}.${number & 255}`;
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(`${url}/api/v1/auth/login`, { method: "POST", headers, agent: false, localAddress }, (answer) => {
      answer.resume().on("end", () => resolve(String(answer.statusCode)));
    });
    sent.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    sent.end(body);
  });

process.once("message", () => {
  void Promise.all(Array.from({ length: Number(people) }, (_, number) => attempt(number + 1))).then((statuses) => {
    const outcomes: Outcomes = {};
    for (const status of statuses) outcomes[status] = (outcomes[status] ?? 0) + 1;
    process.send?.(outcomes);
  });
});
process.on("disconnect", () => process.exit());
process.send?.({});
