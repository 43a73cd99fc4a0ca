import { TracerExporters, type Span } from "moleculer";
import { failureType, messageOf } from "./errors.ts";

type Value = { boolValue: boolean } | { intValue: string } | { doubleValue: number } | { stringValue: string };

/** Ids: OTLP wants 32 and 16 hexadecimal digits; Moleculer's are UUIDs. */
const hex = (id: string, digits: number) =>
  id
    .replace(/[^0-9a-f]/gi, "")
    .toLowerCase()
    .slice(0, digits)
    .padEnd(digits, "0");
const nanoseconds = (ms: number) => (BigInt(Math.round(ms * 1000)) * 1000n).toString();

function valueOf(value: unknown): Value {
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "number") return Number.isInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  return { stringValue: typeof value === "string" ? value : (JSON.stringify(value) ?? "") };
}
const attributes = (tags: Record<string, unknown> | null) =>
  Object.entries(tags ?? {}).flatMap(([key, value]) => (value == null ? [] : [{ key, value: valueOf(value) }]));

const maxQueue = 10_000;
const maxBatch = 512;
const flushMs = 2_000;
const sendTimeoutMs = 5_000;

/**
 * Sends finished spans as OTLP/HTTP in JSON. The queue is bounded: when the collector is slower than the node, or away, the oldest
 * spans are dropped and counted.
 */
export class OtlpExporter extends TracerExporters.Base {
  dropped = 0;
  private readonly url: string;
  private queue: Span[] = [];
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;
  private failing = false;

  /** @param url e.g. http://collector:4318/v1/traces */
  constructor(url: string) {
    super({});
    this.url = url;
  }

  override init(tracer: Parameters<TracerExporters.Base["init"]>[0]): void {
    super.init(tracer);
    this.timer = setInterval(() => void this.flush(), flushMs);
    this.timer.unref();
  }

  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the tracer waits for it, whatever its declaration says
  override async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  override spanFinished(span: Span): void {
    if (!span.sampled) return;
    if (this.queue.length >= maxQueue) {
      this.queue.shift();
      this.dropped++;
    }
    this.queue.push(span);
  }

  private flush(): Promise<void> {
    this.flushing ??= this.drain().finally(() => (this.flushing = undefined));
    return this.flushing;
  }

  private async drain(): Promise<void> {
    while (this.queue.length) {
      const batch = this.queue.splice(0, maxBatch);
      const failure = await this.send(batch);
      // Said once per outage, not every two seconds.
      if (failure !== undefined && !this.failing) this.logger.warn(`Traces are not taken by ${new URL(this.url).host}: ${failure}`);
      this.failing = failure !== undefined;
      if (this.failing) {
        this.dropped += batch.length;
        return;
      }
    }
  }

  private async send(spans: Span[]): Promise<string | undefined> {
    try {
      const response = await fetch(this.url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(this.bodyOf(spans)),
        signal: AbortSignal.timeout(sendTimeoutMs),
      });
      await response.arrayBuffer();
      return response.ok ? undefined : `it answered ${response.status}`;
    } catch (error) {
      return messageOf(error);
    }
  }

  private bodyOf(spans: Span[]) {
    const resource = { "service.name": "legendo-sync", "service.instance.id": this.broker.nodeID };
    const scopeSpans = [{ scope: { name: "moleculer" }, spans: spans.map((span) => this.spanOf(span)) }];
    return { resourceSpans: [{ resource: { attributes: attributes(resource) }, scopeSpans }] };
  }

  private spanOf(span: Span) {
    const tags = span.tags as Record<string, unknown>;
    return {
      traceId: hex(span.traceID, 32),
      spanId: hex(span.id, 16),
      ...(span.parentID ? { parentSpanId: hex(span.parentID, 16) } : {}),
      name: span.name,
      // 2: served for another node; 1: within this one.
      kind: tags["remoteCall"] ? 2 : 1,
      startTimeUnixNano: nanoseconds(span.startTime ?? 0),
      endTimeUnixNano: nanoseconds(span.finishTime ?? 0),
      attributes: attributes(this.flattenTags({ ...tags, service: span.service?.fullName })),
      // The type alone: messages may quote what was asked.
      status: span.error ? { code: 2, message: failureType(span.error) } : { code: 0 },
    };
  }
}
