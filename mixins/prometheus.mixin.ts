import type { AddressInfo } from "node:net";
import Prometheus from "moleculer-prometheus";
import type { Context } from "moleculer";
import { mixin, type Host } from "../config/service.ts";
import { callsEvent, type ActionCalls } from "./calls.middleware.ts";

/** What moleculer-prometheus 0.2.5 puts on the service. */
interface Collector {
  server: { server: { address(): AddressInfo } };
  update(name: string, method: "inc" | "observe" | "set", labels: Record<string, string | number> | null, value?: number): void;
  updateCommonValues(): Promise<void> | undefined;
}

// Its own event handlers take payloads, as Moleculer 0.13 gave them; 0.15 gives a context. Events of mixins add up, so they have to go.
// Its prom-client stays at 11: with a later one `register.metrics()` is a promise, and the first scrape ends the process.
const { events: _written013, ...schema } = Prometheus;

function refresh(this: Host<Collector>) {
  // The registry is asked while nodes come and go; the next change asks again.
  this.updateCommonValues()?.catch(() => {});
}

function count(collector: Collector, { action, service, durations, errors }: ActionCalls, nodeID: string): void {
  const labels = { action, service, nodeID };
  collector.update("moleculer_req_total", "inc", labels, durations.length);
  for (const duration of durations) collector.update("moleculer_req_duration_ms", "observe", labels, duration);
  for (const { code, name, type, count } of errors)
    collector.update("moleculer_req_errors_total", "inc", { ...labels, errorCode: code, errorName: name, errorType: type }, count);
}

/** A Prometheus page of the cluster's nodes, services and calls, fed by what every node tells of its calls. */
export const prometheusMixin = {
  ...schema,
  ...mixin<Host<Collector>>()({
    events: {
      [callsEvent](ctx: Context<ActionCalls[]>) {
        for (const calls of ctx.params) count(this, calls, ctx.nodeID ?? "");
      },
      "$services.changed": refresh,
      "$node.connected": refresh,
      "$node.disconnected": refresh,
    },
  }),
};

/** Where the page is served: the port is only known now when a free one was asked for. */
export function pageAddress(host: Host<Collector>): string {
  const { address, port } = host.server.server.address();
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}/metrics`;
}
export type { Collector };
