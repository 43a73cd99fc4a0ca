import type { Static, TObject } from "typebox";

/** One thing that a source lists. */
export interface Entry {
  /**
   * Full path below the source's root, '/' between its parts, no leading one. File names that are not UTF-8 have their
   * odd bytes as %80–%FF (see names.ts).
   */
  path: string;
  /** Bytes, as listed. */
  size: number;
  /** Milliseconds since 1970, or null when the source does not say. */
  modifiedAt: number | null;
  /** Changes whenever the content may have changed; opaque but for its kind. Empty on an entry with a problem. */
  fingerprint: string;
  /** Why this entry can't be fetched. A folder that could not be listed appears as one entry whose path ends in '/'. */
  problem?: Problem;
}

export interface Problem {
  type: string;
  message: string;
  /** The listing is not complete: paths that start with this prefix may exist although they are not listed. */
  hides?: string;
}

/** An entry opened for reading, in order, once. */
export interface Opened {
  /** Of the whole entry, as of opening; may differ from the listing's. */
  size: number;
  modifiedAt: number | null;
  fingerprint: string;
  /** Fills the start of `into`, answers how many bytes; 0 at the end. Synchronous where the source is. */
  read(into: Uint8Array): number | Promise<number>;
  /** Call after the last read. @throws SOURCE_CHANGED when what was read is not what was opened. */
  verify(): void | Promise<void>;
  close(): void;
}

/** An outside place that assets come from. */
export interface Source {
  /** How many entries are worth opening at the same time: 1 where reading is synchronous, more where a round trip is waited for. */
  readonly parallel: number;
  /** Resolves when the root can be listed. @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED. */
  check(signal?: AbortSignal): Promise<void>;
  /**
   * Pages of at most 2,000 entries, in ascending UTF-8 byte order of the path. Memory must not grow with the listing's length.
   * @param after only paths after this one: a listing that was cut off goes on there. Adapters skip whole folders where they can.
   * @throws as `check`; single entries carry a `problem` instead.
   */
  list(signal?: AbortSignal, after?: string): AsyncIterable<Entry[]> | Iterable<Entry[]>;
  /**
   * @param from first byte that is wanted, so that a large entry can be read in parts.
   * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_CHANGED, SOURCE_UNREACHABLE, SOURCE_ITEM_UNSUPPORTED.
   */
  open(path: string, signal?: AbortSignal, from?: number): Opened | Promise<Opened>;
  close(): void;
}

/** What is written to a destination. */
export interface Writing {
  path: string;
  size: number;
  /** Milliseconds since 1970; set on what is written where the destination can. */
  modifiedAt: number | null;
  /** The bytes, in order; read once. What it throws is thrown on, and nothing is put in place. */
  bytes: AsyncIterable<Uint8Array>;
}

/** An outside place that assets are written to. The same spec opened as a source lists what is there. */
export interface Destination {
  /** How many entries are worth writing at the same time. */
  readonly parallel: number;
  /** Resolves when the root is there (it is made if it can be) and can be written to. @throws as `Source.check`. */
  check(signal?: AbortSignal): Promise<void>;
  /**
   * Writes an entry whole or not at all: under a name of its own first, put in place (over what was there) when it is complete.
   * @returns the fingerprint that the source of the same spec lists it with
   * @throws SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_FULL, SOURCE_ITEM_UNSUPPORTED (a name it can't hold)
   */
  write(writing: Writing, signal?: AbortSignal): Promise<{ fingerprint: string }>;
  /** Removes an entry, and folders that it leaves empty; one that is not there counts as removed. */
  remove(path: string, signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** A parsed place: plain data, so that it stands (sealed) in a row and crosses threads. Each kind adds what it needs. */
export interface Spec {
  kind: string;
  /** As normalised; shown to people, holds no secret. */
  uri: string;
  /** "host:port" that it leads to; empty for a folder of this machine. */
  host: string;
  /** The operator allows the host to be on a private address. */
  trusted?: boolean;
  /** Proxy that connections go through, http://user:password@host:port. */
  proxy?: string;
  /** Longest silence on a connection, milliseconds; 30,000 when unset. */
  silence?: number;
}

/** Where sources and destinations may lead to; the operator's word. */
export interface ParseOptions {
  /** Folders that file:// may use, and all below them. */
  roots: readonly string[];
  /** "host:port" of places that may be on private addresses. */
  privateHosts?: readonly string[];
  /** Proxy for every network place that is not private. */
  proxy?: string;
  /** What the place is for; "write" lets it be one that is yet to be made. "read" when unset. */
  purpose?: "read" | "write";
}

/**
 * How far a listing can be trusted to show every edit, for people to read in the report.
 * exact: every edit; validator: the server names a state by a value that changes with the content; size-and-time: an edit that keeps both is missed;
 * size: nothing but the size is known.
 */
export type Guarantee = "exact" | "validator" | "size-and-time" | "size";

/** A kind of place. Each is one file, sources/<kind>.source.ts, that exports it by default: see kinds.ts. Heavy packages are imported in `open`. */
export interface SourceKind<S extends Spec = Spec, A extends TObject = TObject> {
  /** The file's name, `spec.kind`, and the member of a request that holds the access. */
  kind: string;
  /** Of the URIs that it takes, without the colon. */
  schemes: readonly string[];
  /** A URI, for help texts. */
  example: string;
  /** Credentials and options that are given beside the URI. */
  access: A;
  /**
   * Turns what a person asked for into a spec. `uri` has no credentials, no query and no fragment unless `query` is set.
   * @throws VALIDATION_FAILED, SOURCE_NOT_ALLOWED, …
   */
  parse(uri: URL, access: Static<A>, options: ParseOptions): S | Promise<S>;
  /** The URI may have a query that is part of the place. */
  query?: boolean;
  guarantee: Guarantee;
  open(spec: S): Source | Promise<Source>;
  openDestination?(this: void, spec: S): Destination | Promise<Destination>;
  /** A value that is the same only for the same content, wherever and whenever it lies: equal ones are not fetched again. Null when the listing has none. */
  contentTag: (fingerprint: string) => string | null;
  /**
   * A value by which an entry that has moved can be known from the listing alone, null when only its content tells. Without a content tag:
   * size, time and file name.
   */
  moveTag: (fingerprint: string, path: string) => string | null;
}

/** Longest path, in UTF-8 bytes: what a PostgreSQL index can hold, with room. */
const LONGEST = 2000;

/** Why the catalogue could not keep a path. */
export function pathProblem(path: string): Problem | undefined {
  if (path.includes("\0")) return { type: "SOURCE_ITEM_UNSUPPORTED", message: "Its name holds a NUL, which the catalogue can't keep." };
  if (path.length <= LONGEST / 3) return undefined;
  const bytes = Buffer.byteLength(path);
  if (bytes <= LONGEST) return undefined;
  return { type: "SOURCE_ITEM_UNSUPPORTED", message: `Its path has ${bytes} bytes; the catalogue keeps at most ${LONGEST}.` };
}

/** Milliseconds that both a Date and a PostgreSQL timestamp can hold, else null: file systems allow any number. */
export const timeOf = (milliseconds: number): number | null =>
  milliseconds > -62_000_000_000_000 && milliseconds < 253_000_000_000_000 ? Math.trunc(milliseconds) : null;

/** The last part of a path. */
export const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
