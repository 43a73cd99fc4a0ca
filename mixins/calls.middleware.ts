import { METRIC, type ActionHandler, type Context, type Middleware, type ServiceBroker } from "moleculer";

/** The calls of one action on one node within a second: enough for counters and histograms, nothing of params or messages. */
export interface ActionCalls {
  action: string;
  service: string;
  /** Milliseconds, one per call. */
  durations: number[];
  errors: { code: number; name: string; type: string; count: number }[];
}

/** How a node tells of its calls; one metrics node takes each event. */
export const callsEvent = "$calls.counted";

/** About 10 bytes each: far below NATS's limit of 1 MB, beyond which `emit` throws, and this is sent from a timer. */
const callsPerEvent = 20_000;
const flushMs = 1_000;
/** Of a busier action every so-manieth time is entered into the histogram, which sorts them: its counter has all. */
const timesPerSecond = 500;

interface Tally extends ActionCalls {
  /** "local": served here. "remote": asked of another node. */
  type: "local" | "remote";
  active: number;
}

interface Action {
  name: string;
  service?: { fullName: string };
}

/**
 * Counts and times calls, in the place of Moleculer's own Metrics middleware, which costs more than the call itself: it hashes labels
 * eight times per call and counts every packet. Here a call is a push to an array; once a second that is entered into `broker.metrics`
 * under the stock names, without the label "caller", and what was served here is told to the metrics node.
 */
export function callsMiddleware(): Middleware {
  const tallies = new Map<string, Tally>();
  let broker: ServiceBroker;
  let count = 0;
  let timer: NodeJS.Timeout | undefined;

  function tallyOf({ name, service }: Action, type: Tally["type"]): Tally {
    const key = `${type} ${name}`;
    let tally = tallies.get(key);
    if (!tally) tallies.set(key, (tally = { action: name, service: service?.fullName ?? "", type, active: 0, durations: [], errors: [] }));
    return tally;
  }

  const counted = (type: Tally["type"]) => (next: ActionHandler, action: Action) => {
    const tally = tallyOf(action, type);
    const ended = (start: number) => {
      tally.active--;
      tally.durations.push(Math.round((performance.now() - start) * 1000) / 1000);
      if (++count >= callsPerEvent) flush();
    };
    return function (this: unknown, ctx: Context) {
      const start = performance.now();
      tally.active++;
      return (next.call(this as never, ctx) as Promise<unknown>).then(
        (result) => {
          ended(start);
          return result;
        },
        (error: unknown) => {
          countError(tally, error);
          ended(start);
          throw error;
        },
      );
    };
  };

  function flush(): void {
    count = 0;
    const told: ActionCalls[] = [];
    for (const tally of tallies.values()) {
      enter(broker, tally);
      const { action, service, durations, errors } = tally;
      if (!durations.length) continue;
      tally.durations = [];
      tally.errors = [];
      if (tally.type === "local") told.push({ action, service, durations, errors });
    }
    // Metrics may be lost; a node must not.
    if (told.length) broker.emit(callsEvent, told).catch((error: unknown) => broker.logger.debug("Calls were not told.", error));
  }

  return {
    name: "Calls",
    created(created: ServiceBroker) {
      broker = created;
      register(broker);
    },
    started() {
      timer = setInterval(flush, flushMs);
      timer.unref();
    },
    stopping() {
      clearInterval(timer);
      flush();
    },
    localAction: counted("local"),
    remoteAction: counted("remote"),
  } as unknown as Middleware;
}

const labelNames = ["service", "action", "type"];
const errorLabelNames = [...labelNames, "errorName", "errorCode", "errorType"];

function register({ metrics }: ServiceBroker): void {
  const { TYPE_COUNTER, TYPE_GAUGE, TYPE_HISTOGRAM, UNIT_REQUEST, UNIT_MILLISECONDS } = METRIC;
  const request = { unit: UNIT_REQUEST, labelNames };
  metrics.register({ ...request, name: METRIC.MOLECULER_REQUEST_TOTAL, type: TYPE_COUNTER, description: "Number of requests", rate: true });
  metrics.register({ ...request, name: METRIC.MOLECULER_REQUEST_ACTIVE, type: TYPE_GAUGE, description: "Number of active requests" });
  metrics.register({
    ...request,
    name: METRIC.MOLECULER_REQUEST_ERROR_TOTAL,
    type: TYPE_COUNTER,
    labelNames: errorLabelNames,
    description: "Number of request errors",
    rate: true,
  });
  metrics.register({
    name: METRIC.MOLECULER_REQUEST_TIME,
    type: TYPE_HISTOGRAM,
    labelNames,
    unit: UNIT_MILLISECONDS,
    description: "Request times in milliseconds",
    quantiles: true,
    buckets: true,
  });
}

function enter({ metrics }: ServiceBroker, { service, action, type, active, durations, errors }: Tally): void {
  const labels = { service, action, type };
  metrics.set(METRIC.MOLECULER_REQUEST_ACTIVE, active, labels);
  if (!durations.length) return;
  metrics.increment(METRIC.MOLECULER_REQUEST_TOTAL, labels, durations.length);
  const step = Math.ceil(durations.length / timesPerSecond);
  for (let i = 0; i < durations.length; i += step) metrics.observe(METRIC.MOLECULER_REQUEST_TIME, durations[i]!, labels);
  for (const { code, name, type: errorType, count } of errors)
    metrics.increment(METRIC.MOLECULER_REQUEST_ERROR_TOTAL, { ...labels, errorName: name, errorCode: code, errorType }, count);
}

function countError({ errors }: Tally, error: unknown): void {
  const { code: given, name = "Error", type = "" } = (error ?? {}) as { code?: unknown; name?: string; type?: string };
  const code = typeof given === "number" ? given : 500;
  const same = errors.find((one) => one.code === code && one.name === name && one.type === type);
  if (same) same.count++;
  else errors.push({ code, name, type, count: 1 });
}
