import { Sorting } from "../sorting.ts";
import type { Item } from "./listing.ts";

/** Ends the name at a record's beginning; no name holds it. */
const END = "\0";

/** What a folder holds: added in any order, taken in that of the names, each once. Of a very large folder most is on the disk meanwhile. */
export class Items {
  private readonly records = new Sorting();
  /** Few things in a folder can't be fetched, and errors are not written down. */
  private readonly refusals = new Map<string, Error>();
  private inOrder: Iterator<string> | undefined;
  private readonly upcoming: Item[] = [];
  private before: string | undefined;

  add({ name, refusal, ...rest }: Item): void {
    this.records.add(name + END + JSON.stringify(rest));
    if (refusal) this.refusals.set(name, refusal);
  }

  /** The next one; undefined after the last. */
  take(): Item | undefined {
    return this.upcoming.shift() ?? this.read();
  }

  /** The next ones, which are still to be taken. */
  ahead(count: number): readonly Item[] {
    while (this.upcoming.length < count) {
      const item = this.read();
      if (!item) break;
      this.upcoming.push(item);
    }
    return this.upcoming;
  }

  /** Call it when the rest is not wanted. */
  close(): void {
    this.records.close();
  }

  private read(): Item | undefined {
    this.inOrder ??= this.records.inOrder();
    for (let step = this.inOrder.next(); !step.done; step = this.inOrder.next()) {
      const name = step.value.slice(0, step.value.indexOf(END));
      // A folder that changes while it is read may show a name twice.
      if (name === this.before) continue;
      this.before = name;
      const refusal = this.refusals.get(name);
      const rest = JSON.parse(step.value.slice(name.length + END.length)) as Omit<Item, "name" | "refusal">;
      return { name, ...rest, ...(refusal && { refusal }) };
    }
    return undefined;
  }
}
