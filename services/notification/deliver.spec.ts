import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { openSender, type Sender } from "./deliver.ts";
import { Receiver, type Answer } from "./receiver.ts";
import { makeKey, secretOf } from "./signature.ts";

const key = makeKey();
const never = new AbortController().signal;
let receiver: Receiver;
let sender: Sender;

beforeEach(async () => {
  receiver = await new Receiver().start();
  sender = openSender([receiver.place], { timeoutMs: 400 });
});
afterEach(async () => {
  await sender.close();
  await receiver.stop();
});

const send = (answer: Answer, url = receiver.url) => {
  receiver.answer = answer;
  return sender.send({ url, eventId: "0199f1b2-6c1e-7d53-9a2b-0d2f4d3c7a11", body: '{"type":"x"}', keys: [key] }, never);
};

describe("one attempt", () => {
  it("is signed so that the reference library accepts it, and is ok with any 2xx", async () => {
    for (const status of [200, 202, 204]) {
      await expect(send((response) => response.writeHead(status).end())).resolves.toMatchObject({ ok: true, status, error: null });
    }
    const { headers, body } = receiver.received[0]!;
    expect(new Webhook(secretOf(key)).verify(body, headers as Record<string, string>)).toEqual({ type: "x" });
    expect(headers["content-type"]).toBe("application/json");
  });

  it("fails with what the receiver said, and with its Retry-After", async () => {
    const outcome = await send((response) => response.writeHead(429, { "retry-after": "7" }).end("slow\u0000 down\u001b[2J,\n please"));
    expect(outcome).toEqual({ ok: false, status: 429, retryAfterMs: 7000, error: "The receiver answered 429: slow down [2J, please" });
  });

  it("does not follow a redirect", async () => {
    const outcome = await send((response) => response.writeHead(307, { location: receiver.url }).end());
    expect(outcome).toMatchObject({ ok: false, status: 307 });
    expect(receiver.received).toHaveLength(1);
  });

  it("reads no more than 16 KB of an endless answer", async () => {
    let written = 0;
    const closed = new Promise<void>((resolve) => {
      void send((response) => {
        response.writeHead(500);
        response.on("close", resolve);
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(4096, "x"))) written += 4096;
          if (!response.destroyed) response.once("drain", more);
        };
        more();
      }).then((outcome) => expect(outcome).toMatchObject({ status: 500, error: `The receiver answered 500: ${"x".repeat(200)}` }));
    });
    await closed;
    expect(written).toBeLessThan(8 * 1024 * 1024);
  });

  it("ends in time when the receiver does not answer, or trickles", async () => {
    await expect(send(() => {})).resolves.toMatchObject({ ok: false, status: null, error: "The receiver did not answer within 0.4 s." });
    const started = Date.now();
    const outcome = await send((response) => {
      response.writeHead(500);
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    });
    expect(outcome).toMatchObject({ ok: false, status: 500 });
    expect(Date.now() - started).toBeLessThan(1500);
  });

  it("says why it could not connect", async () => {
    await receiver.stop();
    await expect(send(() => {})).resolves.toMatchObject({ ok: false, status: null, error: expect.stringContaining("ECONNREFUSED") });
  });

  it("never reaches a place that is neither public nor allowed, by literal or by name", async () => {
    const port = receiver.place.split(":")[1]!;
    for (const host of ["0x7f000001", "127.1", "[::ffff:127.0.0.1]", "localhost"]) {
      const outcome = await send((response) => response.end(), `http://${host}:${port === "1" ? "2" : "1"}/`);
      expect(outcome).toMatchObject({ ok: false, status: null, error: expect.stringContaining("must") });
    }
    // A name that only DNS shows to be ours: every machine resolves its own one.
    const { hostname } = await import("node:os");
    const outcome = await send((response) => response.end(), `https://${hostname()}:${port}/`);
    expect(outcome).toMatchObject({ ok: false, status: null });
    expect(outcome.error).toMatch(/does not lead to public addresses|ENOTFOUND|EAI_AGAIN/);
    expect(receiver.received).toHaveLength(0);
  });

  it("is given up when the node stops", async () => {
    const stop = new AbortController();
    const outcome = sender.send({ url: receiver.url, eventId: "e", body: "{}", keys: [key] }, stop.signal);
    receiver.answer = () => stop.abort();
    await expect(outcome).resolves.toMatchObject({ ok: false, status: null });
  });
});
