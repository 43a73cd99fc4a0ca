import pg from "pg";

/**
 * Hears a PostgreSQL channel. A lost connection is made anew by `ensure`, which its owner calls with its own poll: what was
 * notified meanwhile is gone, so whoever listens has to poll anyway.
 */
export class Listener {
  private readonly url: string;
  private readonly channel: string;
  private readonly heard: () => void;
  private client: pg.Client | undefined;
  private connecting: Promise<void> | undefined;
  private stopped = false;

  /** @param heard called on every notification, and after each connect since some may have been missed */
  constructor(url: string, channel: string, heard: () => void) {
    this.url = url;
    this.channel = channel;
    this.heard = heard;
  }

  /** Connects when not connected. Never throws: the next call tries again. */
  ensure(): Promise<void> {
    if (this.client || this.stopped) return Promise.resolve();
    this.connecting ??= this.connect()
      .catch(() => {})
      .finally(() => (this.connecting = undefined));
    return this.connecting;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.connecting;
    await this.client?.end().catch(() => {});
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({ connectionString: this.url, application_name: `legendo listen ${this.channel}`, keepAlive: true });
    const lost = () => {
      if (this.client === client) this.client = undefined;
    };
    client.on("error", lost);
    client.on("end", lost);
    client.on("notification", this.heard);
    try {
      await client.connect();
      await client.query(`listen ${client.escapeIdentifier(this.channel)}`);
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.client = client;
    this.heard();
  }
}
