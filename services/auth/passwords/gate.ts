import { errors } from "../../../config/errors.ts";

interface Waiting {
  client: string;
  enter: () => void;
}

/**
 * Lets `limit` works run at the same time and others wait in two lines, `queue` in each and `each` of one client; what comes beyond is refused at
 * once. Who is known waits in a line of their own, which goes first; every fourth place goes to the stranger who has waited longest.
 */
export class Gate {
  private running = 0;
  /** How many who are known have gone before a stranger who waits. */
  private ahead = 0;
  private readonly known: Waiting[] = [];
  private readonly strangers: Waiting[] = [];
  private readonly limit: number;
  private readonly queue: number;
  private readonly each: number;

  constructor(limit: number, queue: number, each = queue) {
    this.limit = limit;
    this.queue = queue;
    this.each = each;
  }

  /**
   * @param client counted alone; "" for who is not known
   * @throws SIGN_IN_DELAYED when the line is full: no failure of this node, or circuit breakers would take it for broken in a flood
   */
  async pass<T>(client: string, work: () => Promise<T>, known = false): Promise<T> {
    if (this.running < this.limit) this.running++;
    else {
      const line = known ? this.known : this.strangers;
      const mine = client ? line.filter((other) => other.client === client).length : 0;
      if (line.length >= this.queue || mine >= this.each)
        throw errors.signInDelayed("Too many sign-ins at this moment; try again in a few seconds.", { retryAfter: 3 });
      // Whoever leaves hands its place over, so a newcomer can't slip in between.
      await new Promise<void>((enter) => line.push({ client, enter }));
    }
    try {
      return await work();
    } finally {
      const next = this.next();
      if (next) next.enter();
      else this.running--;
    }
  }

  private next(): Waiting | undefined {
    const knownFirst = this.known.length && (!this.strangers.length || this.ahead < 3);
    this.ahead = knownFirst && this.strangers.length ? this.ahead + 1 : 0;
    return (knownFirst ? this.known : this.strangers).shift();
  }
}
