import { TracerExporters, type Span } from "moleculer";

/** The calls of one action on one node within a second: enough for counters and histograms, nothing of params or messages. */
export interface ActionCalls {
  action: string;
  service: string;
  /** Milliseconds, one per call. */
  durations: number[];
  errors: { code: number; name: string; type: string; count: number }[];
}

/** About 10 bytes each: far below NATS's limit of 1 MB, beyond which `emit` throws, and this is sent from a timer. */
const callsPerEvent = 20_000;
const flushMs = 1_000;

/**
 * Tells of action calls by `$tracing.spans`, once a second; one metrics node takes each event. Moleculer's own Event exporter sends every
 * span whole: ten times the bytes, and a busy node dies of a batch that is too large.
 */
export class CallEvents extends TracerExporters.Base {
  private calls = new Map<string, ActionCalls>();
  private count = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor() {
    super({});
  }

  override init(tracer: Parameters<TracerExporters.Base["init"]>[0]): void {
    super.init(tracer);
    this.timer = setInterval(() => this.flush(), flushMs);
    this.timer.unref();
  }

  override stop(): void {
    clearInterval(this.timer);
  }

  override spanFinished(span: Span): void {
    const action = (span.tags as { action?: { name: string } | null }).action?.name;
    if (span.type !== "action" || !action) return;
    let calls = this.calls.get(action);
    if (!calls) this.calls.set(action, (calls = { action, service: span.service?.fullName ?? "", durations: [], errors: [] }));
    calls.durations.push(Math.round((span.duration ?? 0) * 1000) / 1000);
    if (span.error) countError(calls, span.error as { code?: unknown; name?: string; type?: string });
    if (++this.count >= callsPerEvent) this.flush();
  }

  private flush(): void {
    if (!this.count) return;
    const told = [...this.calls.values()];
    this.calls = new Map();
    this.count = 0;
    // Metrics may be lost; a node must not.
    this.broker.emit("$tracing.spans", told).catch((error: unknown) => this.logger.debug("Calls were not told.", error));
  }
}

function countError(calls: ActionCalls, error: { code?: unknown; name?: string; type?: string }): void {
  const code = typeof error.code === "number" ? error.code : 500;
  const { name = "Error", type = "" } = error;
  const same = calls.errors.find((one) => one.code === code && one.name === name && one.type === type);
  if (same) same.count++;
  else calls.errors.push({ code, name, type, count: 1 });
}
