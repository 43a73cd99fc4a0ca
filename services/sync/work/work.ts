import type { Store, StoreOptions } from "../../../mixins/vault/store.ts";
import type { Pace } from "../sources/limits.ts";
import type { Destination, Source, Spec } from "../sources/source.ts";

/** What a worker thread lends to a piece of work. Connections outlive the work; nobody closes them there. */
export interface Door<Question, Answer> {
  signal: AbortSignal;
  /** Asks the node's main thread, which has the database. @throws what was thrown there */
  ask(question: Question): Promise<Answer>;
  /** @param pace the place's limits, where it has any */
  source(spec: Spec, pace?: Pace): Promise<Source>;
  destination(spec: Spec): Promise<Destination>;
  store(options: StoreOptions): Promise<Store>;
}

/**
 * A piece of work for a worker thread: the default export of work/<name>.ts, run by `threads.work(name, …)`. Request, result, questions and
 * answers cross by structured clone: plain data, Buffers as Uint8Arrays.
 */
export type Work<Request, Result, Question = never, Answer = void> = (request: Request, door: Door<Question, Answer>) => Promise<Result>;
