import type { Principal, Revocation } from "../config/permissions.ts";

/** No token lives longer, and so no revocation has to be remembered longer; some minutes more for clocks that differ. */
export const remembered = 15 * 60_000;
/** What was committed while a list was read may be missing in it: the next one begins this much earlier. */
const overlapMs = 30_000;

export interface RevocationList {
  /** When it was read, in milliseconds since 1970, by the database's clock. */
  at: number;
  revocations: Revocation[];
}
/** Reads what was revoked after a moment. */
export type RevocationSource = (since: number) => Promise<RevocationList>;

/**
 * What a node knows to be revoked. It hears of a revocation by broadcast within milliseconds; broadcasts may be lost and a node may have been
 * away, so it also asks.
 */
export class Revocations {
  /** Changes with every new revocation: a verdict of the same epoch needs no second look. */
  epoch = 0;
  private readonly until = new Map<string, number>();
  private readonly source: RevocationSource;
  private readAt = 0;
  private reading: Promise<void> | undefined;

  constructor(source: RevocationSource) {
    this.source = source;
  }

  add({ tenantId, subject, at }: Revocation): void {
    const key = keyOf(tenantId, subject);
    if ((this.until.get(key) ?? -1) >= at) return;
    this.until.set(key, at);
    this.epoch++;
  }

  /** @param issuedAt milliseconds since 1970 */
  cover({ tenantId, subject, session }: Principal, issuedAt: number): boolean {
    const keys = [keyOf(null, subject), keyOf(tenantId, subject)];
    if (session) keys.push(keyOf(null, `session:${session.id}`), keyOf(tenantId, `session:${session.id}`));
    return keys.some((key) => issuedAt <= (this.until.get(key) ?? -1));
  }

  /** Waits until the list was read once. @throws what the source throws when it could not be read yet */
  async known(): Promise<void> {
    // A try that was under way may have begun before this node knew where to ask.
    if (!this.readAt) await this.read().catch(() => this.read());
  }

  /** Asks for what was revoked since the last time. */
  async read(): Promise<void> {
    this.reading ??= this.readOnce().finally(() => (this.reading = undefined));
    await this.reading;
  }

  private async readOnce(): Promise<void> {
    const { at, revocations } = await this.source(Math.max(0, this.readAt - overlapMs));
    for (const revocation of revocations) this.add(revocation);
    for (const [key, until] of this.until) if (until < at - remembered) this.until.delete(key);
    this.readAt = at;
  }
}

const keyOf = (tenantId: string | null, subject: string) => `${tenantId ?? "*"} ${subject}`;
