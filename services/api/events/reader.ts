import type { EdgeResponse } from "../exchange.ts";

/** An event as the stream holds it. */
export interface StreamEvent {
  /** Place in the JetStream stream: what clients send back as Last-Event-ID. */
  seq: number;
  subject: string;
  /** The DomainEvent as JSON. */
  text: string;
}

export interface ReaderOptions {
  tenantId: string;
  subject: string;
  /** Subjects it wants all begin with this. */
  prefix: string;
  /** Only events of this aggregate. */
  aggregate?: string;
  /** The stream ends with the first event of one of these types. */
  lastTypes?: readonly string[];
  /** @throws UNAUTHENTICATED or FORBIDDEN once the credential is no longer good for this stream */
  check(): Promise<unknown>;
}

/** What may wait in this process for one client that reads slowly. */
const backlogBytes = 256 * 1024;

/** One open event stream: writes Server-Sent Events and never more than the client takes. */
export class Reader {
  readonly options: ReaderOptions;
  /** Highest place that was sent or passed over. */
  position = 0;
  /** Takes events as they come; until then a replay catches it up. */
  live = false;
  /** While it replays: something newer came by. */
  missed = false;
  private closed = false;
  private readonly res: EdgeResponse;
  private readonly typeAt: number;

  constructor(res: EdgeResponse, typeAt: number, options: ReaderOptions) {
    this.res = res;
    this.typeAt = typeAt;
    this.options = options;
    res.once("close", () => (this.closed = true));
    res.statusCode = 200;
    res.setHeader("Content-Type", "text/event-stream; charset=utf-8");
    // no-transform: a compressing proxy would hold events back. X-Accel-Buffering: so would nginx.
    res.setHeader("Cache-Control", "no-store, no-transform");
    res.setHeader("X-Accel-Buffering", "no");
    res.write("retry: 2000\n\n");
  }

  get open(): boolean {
    return !this.closed && !this.res.writableEnded;
  }

  /** Sends an event that comes in live, or notes that it was missed. A client that doesn't keep up is cut off: it comes back and replays. */
  offer(event: StreamEvent): void {
    if (event.seq <= this.position || !event.subject.startsWith(this.options.prefix)) return;
    if (!this.live) {
      this.missed = true;
      return;
    }
    this.send(event);
    if (this.res.writableLength > backlogBytes) this.res.destroy();
  }

  /** Sends an event of the replay and waits until the client has room for the next. */
  async replayed(event: StreamEvent): Promise<void> {
    if (event.seq <= this.position || !this.open) return;
    if (!this.send(event) && this.open) await room(this.res);
  }

  comment(text: string): void {
    if (this.open) this.res.write(`: ${text}\n\n`);
  }

  /** Tells the client that events between its Last-Event-ID and this stream's first are no longer kept. */
  gap(after: number, first: number): void {
    this.res.write(`event: stream.gap\ndata: ${JSON.stringify({ after, first })}\n\n`);
  }

  /** @param retryMs when the client may come back; unset leaves the usual */
  end(retryMs?: number): void {
    if (!this.open) return;
    if (retryMs !== undefined) this.res.write(`retry: ${retryMs}\n\n`);
    this.res.end();
  }

  cut(): void {
    this.res.destroy();
  }

  private send(event: StreamEvent): boolean {
    const { seq, subject, text } = event;
    this.position = seq;
    const { aggregate, lastTypes } = this.options;
    if (aggregate && aggregateOf(event) !== aggregate) return true;
    const type = subject.slice(this.typeAt);
    const hasRoom = this.res.write(`id: ${seq}\nevent: ${type}\ndata: ${text}\n\n`);
    if (lastTypes?.includes(type)) this.end();
    return hasRoom;
  }
}

export const aggregateOf = ({ text }: StreamEvent): string | undefined => (JSON.parse(text) as { stream?: string }).stream;

async function room(res: EdgeResponse): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  res.once("drain", resolve);
  res.once("close", resolve);
  await promise;
  res.off("drain", resolve);
  res.off("close", resolve);
}
