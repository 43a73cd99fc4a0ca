import { Errors, METRIC, type ActionHandler, type Context, type Middleware, type ServiceBroker } from "moleculer";

interface Options {
  enabled?: boolean;
  concurrency?: number;
  maxQueueSize?: number;
}

interface Action {
  name: string;
  service: { fullName: string };
  bulkhead?: Options;
}

/**
 * Limits how many calls of an action a node works on at the same time and how many may wait, by the options of Moleculer's own Bulkhead,
 * whose place it takes: that one enters two gauges four times per call. Here they are entered where calls do wait.
 */
export const bulkheadMiddleware = (): Middleware =>
  ({
    name: "Bulkhead",
    created(broker: ServiceBroker) {
      broker.metrics.register({
        name: METRIC.MOLECULER_REQUEST_BULKHEAD_QUEUE_SIZE,
        type: METRIC.TYPE_GAUGE,
        labelNames: ["action", "service"],
        description: "Number of calls that wait",
      });
    },
    localAction(this: ServiceBroker, next: ActionHandler, action: Action) {
      const { enabled, concurrency = 0, maxQueueSize = 0 } = { ...(this.options.bulkhead as Options), ...action.bulkhead };
      if (!enabled) return next;
      const labels = { action: action.name, service: action.service.fullName };
      const waiting: (() => void)[] = [];
      let active = 0;
      const tell = () => this.metrics.set(METRIC.MOLECULER_REQUEST_BULKHEAD_QUEUE_SIZE, waiting.length, labels);
      const left = () => {
        active--;
        const first = waiting.shift();
        if (!first) return;
        tell();
        first();
      };
      const work = (ctx: Context): Promise<unknown> => {
        active++;
        return (next.call(undefined as never, ctx) as Promise<unknown>).then(
          (result) => {
            left();
            return result;
          },
          (error: unknown) => {
            left();
            throw error;
          },
        );
      };
      return (ctx: Context) => {
        if (active < concurrency) return work(ctx);
        if (maxQueueSize && waiting.length >= maxQueueSize)
          return Promise.reject(new Errors.QueueIsFullError({ action: action.name, nodeID: this.nodeID }));
        return new Promise((resolve, reject) => {
          waiting.push(() => void work(ctx).then(resolve, reject));
          tell();
        });
      };
    },
  }) as unknown as Middleware;
