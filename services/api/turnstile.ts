/** Lets some through at once with each turn of the event loop, the rest in order with the next turns: what else there is to do passes between. */
export class Turnstile {
  private readonly waiting: (() => void)[] = [];
  private readonly perTurn: number;
  private room: number;
  private turning = false;

  constructor(perTurn: number) {
    this.perTurn = perTurn;
    this.room = perTurn;
  }

  /** @param enter must not throw */
  pass(enter: () => void): void {
    if (!this.turning) setImmediate(() => this.turn());
    this.turning = true;
    if (!this.room || this.waiting.length) return void this.waiting.push(enter);
    this.room--;
    enter();
  }

  private turn(): void {
    this.room = this.perTurn;
    for (; this.room && this.waiting.length; this.room--) this.waiting.shift()!();
    this.turning = this.room < this.perTurn;
    if (this.turning) setImmediate(() => this.turn());
  }
}
