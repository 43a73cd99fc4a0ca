interface Alarm {
  at: number;
  ring: () => void;
}

/** The simulator's time: the machine's, plus what tests have moved it forward. */
export class Clock {
  #offsetMs = 0;
  #alarms: Alarm[] = [];

  /** Milliseconds since 1970. */
  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Now as PayPal writes it, e.g. "2026-11-27T15:30:00Z". */
  readonly stamp = (at = this.now()): string => {
    return new Date(at).toISOString().replace(/\.\d+/, "");
  };

  /** Rings once when the time has come: on `advance`, or at the next request after it. */
  at(at: number, ring: () => void): void {
    this.#alarms.push({ at, ring });
  }

  /** Rings what is due, earliest first. */
  catchUp(): void {
    this.advance(0);
  }

  /** Moves the time forward, stopping at each alarm on the way, so that what it does bears its own time. */
  advance(ms: number): void {
    const target = this.now() + ms;
    for (;;) {
      const due = this.#alarms.filter(({ at }) => at <= target).sort((one, other) => one.at - other.at)[0];
      if (!due) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== due);
      this.#offsetMs = Math.max(this.#offsetMs, due.at - Date.now());
      due.ring();
    }
    this.#offsetMs = Math.max(this.#offsetMs, target - Date.now());
  }
}
