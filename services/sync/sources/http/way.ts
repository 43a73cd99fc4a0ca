import type { Entry } from "../source.ts";
import type { Facts } from "./facts.ts";

/** A way in which a server lists files. */
export interface Way {
  /** @throws as `Source.check` */
  check(signal?: AbortSignal): Promise<void>;
  /** As `Source.list`. */
  list(signal?: AbortSignal, after?: string): AsyncIterable<Entry[]>;
  /** Where an entry lies. @throws SOURCE_MISSING, SOURCE_NOT_ALLOWED, SOURCE_DENIED, SOURCE_UNREACHABLE */
  find(path: string, signal?: AbortSignal): Promise<Found>;
  /** Lets go of what is kept beside memory. */
  close?(): void;
}

export interface Found {
  url: URL;
  /**
   * The facts that the listing gives of a file whose own answer gives `own`: an opened file must have the fingerprint it is listed with.
   * @throws SOURCE_CHANGED when the two contradict each other
   */
  listed(own: Facts): Facts;
  /** Who says the digest among those facts; the server when unset. */
  by?: string;
  /** The content was something else than the digest says. */
  refuted?(): void;
}
