import { nameOfBytes, nameOfText } from "../names.ts";

/** One file of a manifest, as it is written there. */
export interface Named {
  /** How the file is called; that of the URL when it is not said. */
  path?: string;
  /** Where it is, seen from the manifest; below it when it is not said. */
  url?: string;
  size?: number;
  modifiedAt?: number;
  /** Hex, lower case. */
  sha256?: string;
}

/** A manifest that can't be understood; says where. */
export class ManifestFault extends Error {}

/** Most bytes of a manifest that is one JSON text, which is held whole, and of a line. */
const LONGEST_JSON = 32 * 2 ** 20;
const LONGEST_LINE = 64 * 2 ** 10;

/**
 * Reads a manifest piece by piece:
 * - JSON: an array, or an object whose `files` is one, of objects { path or url, size?, modifiedAt?, sha256? } or of texts (a path or a URL);
 * - such an object on each line;
 * - lines as sha256sum prints them, with --tag or without;
 * - a URL or a path on each line; empty lines and such that begin with '#' are passed over.
 * Paths are names as they are, URLs are escaped.
 * @param found gets each file, in the manifest's order
 * @returns both throw ManifestFault
 */
export function manifestReader(found: (named: Named) => void): { write(chunk: Buffer): void; end(): void } {
  let kind: Kind | undefined;
  let text: { write(chunk: Buffer): void; end(): void };
  let start: Buffer = Buffer.alloc(0);
  const begin = (whole: boolean) => {
    kind = kindOf(start, whole);
    if (!kind) return;
    text = kind === "json" ? jsonText(found) : lineText(lineReader(kind, found));
    text.write(start.subarray(0, 3).equals(mark) ? start.subarray(3) : start);
  };
  return {
    write(chunk) {
      if (kind) return text.write(chunk);
      start = Buffer.concat([start, chunk]);
      begin(false);
    },
    end() {
      if (!kind) begin(true);
      text.end();
    },
  };
}

const mark = Buffer.from("\ufeff");

type Kind = "json" | "objects" | "lines";

/** What a manifest is by its beginning; undefined as long as that does not tell. */
function kindOf(bytes: Buffer, whole: boolean): Kind | undefined {
  const start = bytes
    .subarray(0, 64)
    .toString("latin1")
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  // A page that says "log in first" must not be taken for a manifest that has lost all its files.
  if (start.startsWith("<")) throw new ManifestFault("it is HTML or XML");
  // Of a byte order mark there may be a part yet.
  if (!whole && (bytes.length < 4 || (!start && bytes.length < 64))) return undefined;
  if (start.startsWith("[")) return "json";
  if (!start.startsWith("{")) return "lines";
  const begin = bytes.indexOf("{");
  const end = bytes.indexOf("\n", begin);
  if (end < 0 && !whole && bytes.length <= LONGEST_LINE) return undefined;
  return isOneFile(bytes.toString("utf8", begin, end < 0 ? bytes.length : end)) ? "objects" : "json";
}

/** All of a text at once. */
function jsonText(found: (named: Named) => void) {
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    write(chunk: Buffer) {
      chunks.push(chunk);
      length += chunk.length;
      if (length <= LONGEST_JSON) return;
      const most = `${LONGEST_JSON / 2 ** 20} MiB`;
      throw new ManifestFault(`it is one JSON text of more than ${most}; with an object on each line it may have any length`);
    },
    end() {
      for (const named of fromJson(Buffer.concat(chunks))) found(named);
    },
  };
}

/** Line by line, a character per byte. */
function lineText(read: (line: string) => void) {
  let rest = "";
  const take = (line: string) => read(line.endsWith("\r") ? line.slice(0, -1) : line);
  return {
    write(chunk: Buffer) {
      let begin = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
        take(rest + chunk.toString("latin1", begin, end));
        rest = "";
        begin = end + 1;
      }
      rest += chunk.toString("latin1", begin);
      if (rest.length > LONGEST_LINE) throw new ManifestFault(`it has a line of more than ${LONGEST_LINE} bytes`);
    },
    end: () => take(rest),
  };
}

function isOneFile(line: string): boolean {
  try {
    const { path, url } = JSON.parse(line) as { path?: unknown; url?: unknown };
    return path !== undefined || url !== undefined;
  } catch {
    return false;
  }
}

function lineReader(kind: "objects" | "lines", found: (named: Named) => void): (line: string) => void {
  let number = 0;
  return (line) => {
    number++;
    if (!line.trim() || (kind === "lines" && line.startsWith("#"))) return;
    if (kind === "objects") found(fromObject(parsed(utf8(line), `line ${number}`), number - 1));
    else found(fromSum(line) ?? fromText(nameOfBytes(Buffer.from(line, "latin1")), line));
  };
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** Of a character per byte. */
const utf8 = (line: string) => (/[\x80-\xff]/.test(line) ? Buffer.from(line, "latin1") : line);

function parsed(text: Buffer | string, what: string): unknown {
  try {
    return JSON.parse(typeof text === "string" ? text : strict.decode(text));
  } catch (error) {
    throw new ManifestFault(`${what} is no JSON: ${(error as Error).message}`);
  }
}

function fromJson(bytes: Buffer): Named[] {
  const value = parsed(bytes, "it");
  const files = Array.isArray(value) ? (value as unknown[]) : (value as { files?: unknown }).files;
  if (!Array.isArray(files)) throw new ManifestFault('an array was expected, or an object with one as its "files"');
  return files.map((file: unknown, i) => (typeof file === "string" ? fromText(nameOfText(file), file) : fromObject(file, i)));
}

const isUrl = (text: string) => /^https?:\/\//i.test(text);
const fromText = (path: string, text: string): Named => (isUrl(text) ? { url: text } : { path: path.replace(/^(\.\/)+/, "") });

function fromObject(file: unknown, i: number): Named {
  const fault = (what: string) => new ManifestFault(`entry ${i + 1} ${what}`);
  if (typeof file !== "object" || file === null) throw fault(`is ${JSON.stringify(file)}; an object with path or url was expected`);
  const { path, url, size, modifiedAt, sha256 } = file as Record<string, unknown>;
  const given = (value: unknown) => value !== undefined && value !== null;
  if (!given(path) && !given(url)) throw fault("has neither path nor url");
  if (given(path) && typeof path !== "string") throw fault("has a path that is no text");
  if (given(url) && typeof url !== "string") throw fault("has a url that is no text");
  if (given(size) && !(Number.isSafeInteger(size) && (size as number) >= 0)) throw fault("has a size that is no number of bytes");
  const time = given(modifiedAt) ? timeIn(modifiedAt) : undefined;
  if (time !== undefined && Number.isNaN(time))
    throw fault("has a modifiedAt that is neither an ISO 8601 date nor milliseconds since 1970");
  if (given(sha256) && !(typeof sha256 === "string" && /^[0-9a-f]{64}$/i.test(sha256)))
    throw fault("has a sha256 that is not 64 hexadecimal digits");
  return {
    ...(given(path) && fromPath(nameOfText(path))),
    ...(given(url) && { url: url }),
    ...(given(size) && { size: size as number }),
    ...(time !== undefined && { modifiedAt: time }),
    ...(given(sha256) && { sha256: sha256.toLowerCase() }),
  };
}

const fromPath = (path: string): Named => ({ path: path.replace(/^(\.\/)+/, "") });

const timeIn = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "string" && /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;

function fromSum(line: string): Named | undefined {
  const plain = /^(\\?)([0-9a-f]{64}) [ *](.+)$/i.exec(line);
  const tagged = /^(\\?)SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line);
  const [, escaped, sha256, name] = plain ?? (tagged ? [tagged[0], tagged[1], tagged[3], tagged[2]] : []);
  if (sha256 === undefined || name === undefined) return undefined;
  // sha256sum marks a line whose name has a line break or a backslash, which it writes with one.
  const real = escaped ? name.replace(/\\([\\nr])/g, (_, sign: string) => ({ n: "\n", r: "\r" })[sign] ?? "\\") : name;
  return { ...fromText(nameOfBytes(Buffer.from(real, "latin1")), real), sha256: sha256.toLowerCase() };
}
