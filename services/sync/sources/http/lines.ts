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

/**
 * Reads a manifest:
 * - JSON: an array, or an object whose `files` is one, of objects { path or url, size?, modifiedAt?, sha256? } or of texts (a path or a URL);
 * - lines as sha256sum prints them, with --tag or without;
 * - a URL or a path on each line; empty lines and such that begin with '#' are passed over.
 * Paths are names as they are, URLs are escaped.
 * @throws ManifestFault
 */
export function namedIn(bytes: Buffer): Named[] {
  const start = bytes
    .subarray(0, 64)
    .toString("latin1")
    .replace(/^\u00ef\u00bb\u00bf/, "")
    .trimStart();
  // A page that says "log in first" must not be taken for a manifest that has lost all its files.
  if (start.startsWith("<")) throw new ManifestFault("it is HTML or XML");
  return start.startsWith("[") || start.startsWith("{") ? fromJson(bytes) : fromLines(bytes);
}

function fromJson(bytes: Buffer): Named[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new ManifestFault(`it is no JSON: ${(error as Error).message}`);
  }
  const files = Array.isArray(parsed) ? (parsed as unknown[]) : (parsed as { files?: unknown }).files;
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

/** Lines are bytes: names need not be UTF-8. */
function fromLines(bytes: Buffer): Named[] {
  const named: Named[] = [];
  const start = bytes.subarray(0, 3).equals(Buffer.from("\ufeff")) ? 3 : 0;
  for (let at = start; at < bytes.length;) {
    const found = bytes.indexOf(10, at);
    const end = found < 0 ? bytes.length : found;
    const line = bytes.toString("latin1", at, end).replace(/\r$/, "");
    at = end + 1;
    if (!line.trim() || line.startsWith("#")) continue;
    named.push(fromSum(line) ?? fromText(nameOfBytes(Buffer.from(line, "latin1")), line));
  }
  return named;
}

function fromSum(line: string): Named | undefined {
  const plain = /^(\\?)([0-9a-f]{64}) [ *](.+)$/i.exec(line);
  const tagged = /^(\\?)SHA256 \((.+)\) = ([0-9a-f]{64})$/i.exec(line);
  const [, escaped, sha256, name] = plain ?? (tagged ? [tagged[0], tagged[1], tagged[3], tagged[2]] : []);
  if (sha256 === undefined || name === undefined) return undefined;
  // sha256sum marks a line whose name has a line break or a backslash, which it writes with one.
  const real = escaped ? name.replace(/\\([\\nr])/g, (_, sign: string) => ({ n: "\n", r: "\r" })[sign] ?? "\\") : name;
  return { ...fromText(nameOfBytes(Buffer.from(real, "latin1")), real), sha256: sha256.toLowerCase() };
}
