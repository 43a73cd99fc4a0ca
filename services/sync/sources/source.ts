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
  /** Changes whenever the content may have changed; opaque. Empty on an entry with a problem. */
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
  /** As of opening; may differ from the listing's. */
  size: number;
  modifiedAt: number | null;
  fingerprint: string;
  /** Fills the start of `into`, answers how many bytes; 0 at the end. Synchronous where the source is. */
  read(into: Uint8Array): number | Promise<number>;
  /** Call after the last read. @throws SOURCE_CHANGED when what was read is not what was opened. */
  verify(): void;
  close(): void;
}

/** An outside place that assets come from. */
export interface Source {
  /** How many entries are worth opening at the same time: 1 where reading is synchronous, more where a round trip is waited for. */
  readonly parallel: number;
  /** Resolves when the root can be listed. @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED. */
  check(signal?: AbortSignal): Promise<void>;
  /** Pages of at most 2,000 entries, in ascending UTF-8 byte order of the path. @throws as `check`; single entries carry a `problem` instead. */
  list(signal?: AbortSignal): AsyncIterable<Entry[]> | Iterable<Entry[]>;
  /** @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_CHANGED, SOURCE_UNREACHABLE, SOURCE_ITEM_UNSUPPORTED. */
  open(path: string, signal?: AbortSignal): Opened | Promise<Opened>;
  close(): void;
}

/** A parsed source: plain data, so that it stands in a row and crosses threads. Credentials are the S3 kind's only secret. */
export type SourceSpec = FileSpec | S3Spec;

export interface FileSpec {
  kind: "file";
  /** As normalised; shown to people, holds no secret. */
  uri: string;
  /** Real path of the folder. */
  root: string;
}

export interface S3Spec {
  kind: "s3";
  uri: string;
  bucket: string;
  /** Empty, or ends in '/'. */
  prefix: string;
  region: string;
  /** Origin of an S3-compatible server; AWS when unset. */
  endpoint?: string;
  /** The operator allows the endpoint's host to be on a private address. */
  trusted?: boolean;
  /** Requests are not signed when unset. */
  credentials?: S3Credentials;
  /** Longest silence on a connection, milliseconds; 30,000 when unset. */
  silence?: number;
}

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
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

/** Kind → adapter; each is loaded when first used. */
const kinds = {
  file: async (spec: SourceSpec) => (await import("./file.ts")).fileSource(spec as FileSpec),
  s3: async (spec: SourceSpec) => (await import("./s3.ts")).s3Source(spec as S3Spec),
} satisfies Record<SourceSpec["kind"], (spec: SourceSpec) => Promise<Source>>;

export const sourceKinds = Object.keys(kinds);

export const openSource = (spec: SourceSpec): Promise<Source> => kinds[spec.kind](spec);
