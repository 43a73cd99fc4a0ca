import { errors } from "../../../config/errors.ts";

interface Waiting {
  client: string;
  enter: () => void;
}

/**
 * Lets `limit` works run at the same time and `queue` more wait in order, `each` of one client; what comes beyond is refused at once. Who is known
 * waits in a line of their own, which goes first.
 */
export class Gate {
  private running = 0;
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
   * @throws SIGN_IN_DELAYED when the queue is full: no failure of this node, or circuit breakers would take it for broken in a flood
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
      const next = this.known.shift() ?? this.strangers.shift();
      if (next) next.enter();
      else this.running--;
    }
  }
}
