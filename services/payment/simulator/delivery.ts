import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Recorder } from "./recording.ts";
import { signatureHeaders } from "./signature.ts";
import type { Webhook } from "./webhooks.ts";

/** Waits before each try, in milliseconds; real PayPal tries up to 25 times over three days. */
export const usualTries: readonly number[] = [0, 200, 1_000];

/** Posts events to webhooks. */
export class Delivery {
  readonly #stopped = new AbortController();
  readonly #tries: readonly number[];
  readonly #origin: () => string;
  readonly #record: Recorder;

  constructor(tries: readonly number[], origin: () => string, record: Recorder) {
    this.#tries = tries;
    this.#origin = origin;
    this.#record = record;
  }

  /** Any 2xx ends it; what still fails after the last try is given up, as PayPal does after three days. Never throws. */
  async post({ url, id }: Pick<Webhook, "url" | "id">, body: string, afterMs = 0): Promise<void> {
    const [transmissionId, time] = [randomUUID(), new Date().toISOString().replace(/\.\d+/, "")];
    const headers = {
      "content-type": "application/json",
      "user-agent": "PayPal/AUHD-214.0-58843268",
      ...signatureHeaders({ transmissionId, time, webhookId: id, body }, this.#origin()),
    };
    for (const wait of this.#tries) {
      const started = Date.now();
      try {
        await delay(wait + afterMs, undefined, { signal: this.#stopped.signal, ref: false });
        const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(5_000)]);
        const reply = await fetch(url, { method: "POST", headers, body, signal });
        this.#record({
          direction: "out",
          method: "POST",
          path: url,
          headers,
          request: body,
          status: reply.status,
          response: await reply.text(),
          started,
        });
        if (reply.ok) return;
      } catch (error) {
        if (this.#stopped.signal.aborted) return;
        this.#record({ direction: "out", method: "POST", path: url, headers, request: body, status: 0, response: String(error), started });
      }
      afterMs = 0;
    }
  }

  stop(): void {
    this.#stopped.abort();
  }
}
