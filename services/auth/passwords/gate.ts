import { errors } from "../../../config/errors.ts";

/** Lets `limit` works run at the same time and `queue` more wait in order; what comes beyond is refused at once. */
export class Gate {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private readonly limit: number;
  private readonly queue: number;

  constructor(limit: number, queue: number) {
    this.limit = limit;
    this.queue = queue;
  }

  /** @throws SERVICE_UNAVAILABLE when the queue is full */
  async pass<T>(work: () => Promise<T>): Promise<T> {
    if (this.running < this.limit) this.running++;
    else {
      if (this.waiting.length >= this.queue) throw errors.unavailable("Too many sign-ins at this moment; try again in a few seconds.");
      // Whoever leaves hands its place over, so a newcomer can't slip in between.
      await new Promise<void>((enter) => this.waiting.push(enter));
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.running--;
    }
  }
}
