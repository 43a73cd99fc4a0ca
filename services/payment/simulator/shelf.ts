import { failure, Refused } from "./replies.ts";

interface Owned {
  id: string;
  merchant: string;
}

/** Things of merchants by id, and by what they belong to. To a merchant those of another do not exist. */
export class Shelf<T extends Owned> {
  readonly #things = new Map<string, T>();
  readonly #groups = new Map<string, readonly T[]>();
  readonly #field: string;
  readonly #groupOf: (thing: T) => string | null;

  /**
   * @param field how PayPal calls the id in its refusals, e.g. "order_id".
   * @param groupOf the id of what a thing belongs to, for `of`; it never changes.
   */
  constructor(field: string, groupOf: (thing: T) => string | null = () => null) {
    this.#field = field;
    this.#groupOf = groupOf;
  }

  put(thing: T): T {
    this.#things.set(thing.id, thing);
    const group = this.#groupOf(thing);
    if (group !== null) this.#groups.set(group, [...this.of(group), thing]);
    return thing;
  }

  remove(id: string): void {
    const thing = this.#things.get(id);
    const group = thing && this.#groupOf(thing);
    if (group)
      this.#groups.set(
        group,
        this.of(group).filter((one) => one !== thing),
      );
    this.#things.delete(id);
  }

  removeOldest(): void {
    for (const id of this.#things.keys()) return this.remove(id);
  }

  /** Whoever owns it: for controls and payers' pages. */
  find(id: string): T | undefined {
    return this.#things.get(id);
  }

  /** @throws Refused 404 INVALID_RESOURCE_ID when there is none of this merchant (null: of anybody). */
  get(id: string, merchant: string | null): T {
    const thing = this.#things.get(id);
    if (thing && (merchant === null || thing.merchant === merchant)) return thing;
    throw new Refused(
      failure(404, {
        issue: "INVALID_RESOURCE_ID",
        field: this.#field,
        value: id,
        location: "path",
        description: "Specified resource ID does not exist. Please check the resource ID and try again.",
      }),
    );
  }

  /** The first that is so, whoever owns it. */
  first(isSo: (thing: T) => boolean): T | undefined {
    for (const thing of this.#things.values()) if (isSo(thing)) return thing;
    return undefined;
  }

  /** What belongs to `group`, in the order it was put here. */
  of(group: string): readonly T[] {
    return this.#groups.get(group) ?? [];
  }

  /** A merchant's, in the order they were put here. */
  all(merchant: string): T[] {
    return [...this.#things.values()].filter((thing) => thing.merchant === merchant);
  }

  get size(): number {
    return this.#things.size;
  }
}
