import { realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ipaddr from "ipaddr.js";
import { errors, messageOf } from "../../../config/errors.ts";
import { isPublic } from "./reach.ts";
import { itemError } from "./disk.ts";
import { sourceKinds, type FileSpec, type S3Credentials, type S3Spec, type SourceSpec } from "./source.ts";

export interface InputOptions {
  /** Folders that file:// may read, and all below them. */
  roots: readonly string[];
  /** "host:port" of S3 endpoints that may be on private addresses. */
  privateHosts?: readonly string[];
  region?: string;
  /** Origin of an S3-compatible server. */
  endpoint?: string;
  /** Bucket is read without signing when unset: never with the node's own identity, which may see more than the tenant. */
  credentials?: S3Credentials;
}

/**
 * Turns what a person asked for into a source that may be read.
 * @param input file:///folder or s3://bucket/prefix
 * @throws SOURCE_SCHEME_UNKNOWN, VALIDATION_FAILED, SOURCE_NOT_ALLOWED, SOURCE_MISSING, SOURCE_DENIED, SOURCE_ITEM_UNSUPPORTED (not a folder).
 */
export async function parseInput(input: string, options: InputOptions): Promise<SourceSpec> {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(input)?.[1]?.toLowerCase();
  const uri = scheme && URL.canParse(input) ? new URL(input) : undefined;
  if (!scheme) throw invalid(`must be a URI such as file:///folder or s3://bucket/prefix; it is ${JSON.stringify(input)}`);
  if (!sourceKinds.includes(scheme)) {
    const known = sourceKinds.map((kind) => `${kind}://`);
    throw errors.sourceSchemeUnknown(`${scheme}:// is not a known kind of source; known are ${known.join(", ")}.`, { known: sourceKinds });
  }
  if (!uri) throw invalid(`is not a valid URI: ${JSON.stringify(input)}`);
  if (uri.search || uri.hash) throw invalid("must not have a query or a fragment; write ? as %3F and # as %23");
  if (uri.username || uri.password) throw invalid("must not hold credentials; give them beside it");
  return scheme === "file" ? parseFile(uri, options.roots) : parseS3(uri, options);
}

const invalid = (detail: string, pointer = "/input") => errors.invalid([{ pointer, detail }]);

async function parseFile(uri: URL, allowed: readonly string[]): Promise<FileSpec> {
  let path: string;
  try {
    path = fileURLToPath(uri);
  } catch (error) {
    throw invalid(`is not a usable file URI: ${messageOf(error)}`);
  }
  if (path.includes("\0")) throw invalid("must not hold a NUL");
  const roots = (await Promise.all(allowed.map((root) => realpath(root).catch(() => null)))).filter((root) => root !== null);
  const outside = () =>
    errors.sourceNotAllowed(
      `${path} is not in a folder that may be read; ${allowed.length ? `those are ${allowed.join(", ")}` : "none is"}.`,
    );
  const below = (folder: string, roots: readonly string[]) =>
    roots.some((root) => `${folder}/`.startsWith(root === "/" ? "/" : `${root}/`));

  let real: string;
  try {
    real = await realpath(path);
  } catch (error) {
    // Outside the roots nobody learns what exists.
    throw below(resolve(path), [...roots, ...allowed.map((root) => resolve(root))]) ? itemError(error, path) : outside();
  }
  if (!below(real, roots)) throw outside();
  if (real.includes("\uFFFD")) throw errors.sourceUnsupported(`${path} must be a folder whose own path is UTF-8.`);
  if (!(await stat(real)).isDirectory()) throw errors.sourceUnsupported(`${path} is a file; a folder was expected.`);
  return { kind: "file", uri: pathToFileURL(real).href, root: real };
}

function parseS3(uri: URL, { endpoint, region = "us-east-1", credentials, privateHosts = [] }: InputOptions): S3Spec {
  const bucket = uri.hostname;
  if (!/^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$/.test(bucket)) {
    throw invalid(`must name a bucket, s3://bucket/prefix; the bucket is ${JSON.stringify(bucket)}`);
  }
  let folder: string;
  try {
    folder = decodeURIComponent(uri.pathname).replace(/^\/+|\/+$/g, "");
  } catch {
    throw invalid("has a % that starts no escape; write % as %25");
  }
  const prefix = folder && `${folder}/`;
  const href = `s3://${bucket}/${prefix.split("/").map(encodeURIComponent).join("/")}`;
  const spec: S3Spec = { kind: "s3", uri: href, bucket, prefix, region, ...(credentials && { credentials }) };
  return endpoint === undefined ? spec : { ...spec, ...reachable(endpoint, privateHosts) };
}

function reachable(endpoint: string, privateHosts: readonly string[]): { endpoint: string; trusted: boolean } {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.search || url.username) {
    throw invalid(`must be an origin such as https://s3.example.com; it is ${JSON.stringify(endpoint)}`, "/endpoint");
  }
  const trusted = privateHosts.includes(url.host);
  const literal = url.hostname.replace(/^\[|\]$/g, "");
  if (!trusted && ipaddr.isValid(literal) && !isPublic(literal)) {
    throw errors.sourceNotAllowed(`${url.host} is not a public address, and it is not among the private ones that are allowed.`);
  }
  return { endpoint: url.origin, trusted };
}
