import type { Dispatcher } from "undici";
import type { Body } from "./answer.ts";

export interface Incoming {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Body;
}

/** Bytes that may wait to be read before the server has to wait. */
const HIGH = 256 * 1024;

/**
 * Sends a request; resolves with what the header fields of its answer say. Half the work of undici's own streams: small objects are asked for
 * by the ten thousand.
 * @throws undici's errors, the signal's reason
 */
export function send(agent: Dispatcher, request: Dispatcher.DispatchOptions, signal: AbortSignal | undefined): Promise<Incoming> {
  const answer = Promise.withResolvers<Incoming>();
  const waiting: Buffer[] = [];
  let held = 0;
  let connection: Dispatcher.DispatchController | undefined;
  let over: { error?: Error } | undefined;
  let wake = () => {};

  const end = (how: { error?: Error }) => {
    if (over) return;
    over = how;
    signal?.removeEventListener("abort", leave);
    if (how.error) answer.reject(how.error);
    wake();
  };
  const cut = (error: Error) => {
    if (over) return;
    end({ error });
    connection?.abort(error);
  };
  const leave = () => cut(signal!.reason as Error);

  const body: Body = {
    async next() {
      for (;;) {
        const bytes = waiting.shift();
        if (bytes) {
          held -= bytes.length;
          if (held < HIGH && connection?.paused) connection.resume();
          return bytes;
        }
        if (over?.error) throw over.error;
        if (over) return undefined;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    destroy: () => cut(new Error("nobody reads on")),
  };

  if (signal?.aborted) return Promise.reject(signal.reason as Error);
  signal?.addEventListener("abort", leave, { once: true });
  agent.dispatch(request, {
    onRequestStart(controller) {
      connection = controller;
      // It was still waiting for a connection when it was given up.
      if (over?.error) controller.abort(over.error);
    },
    onResponseStart(_, status, headers) {
      if (status >= 200) answer.resolve({ status, headers, body });
    },
    onResponseData(controller, bytes) {
      if (over) return;
      waiting.push(bytes);
      held += bytes.length;
      if (held >= HIGH) controller.pause();
      wake();
    },
    onResponseEnd: () => end({}),
    onResponseError: (_, error) => end({ error }),
  });
  return answer.promise;
}
