/** A first-in first-out queue in which taking is O(1). */
export class Queue<T> {
  #items = new Map<number, T>();
  #head = 0;
  #tail = 0;

  put(item: T): void {
    this.#items.set(this.#tail++, item);
  }

  take(): T | undefined {
    const item = this.#items.get(this.#head);
    if (this.#items.delete(this.#head)) this.#head++;
    return item;
  }
}
