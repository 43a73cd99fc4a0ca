import { errors, type Fault } from "../../../../config/errors.ts";
import { certificateFault } from "../certificate.ts";
import { networkPlace } from "../reach.ts";
import type { ParseOptions } from "../source.ts";
import type { FtpSpec } from "./spec.ts";

/** What may be given beside the URI. */
export interface FtpAccess {
  username?: string;
  password?: string;
  ca?: string;
  fingerprint?: string;
  implicit?: boolean;
  connections?: number;
}

const CONNECTIONS = 4;

/** @throws VALIDATION_FAILED with every fault, SOURCE_NOT_ALLOWED */
export function parseFtp(uri: URL, given: FtpAccess, options: ParseOptions): FtpSpec {
  const faults: Fault[] = [];
  const fault = (name: string, detail: string) => void faults.push({ pointer: name === "input" ? "/input" : `/ftp/${name}`, detail });
  const { username, password, ca, connections = CONNECTIONS } = given;
  const secure = uri.protocol === "ftps:";

  for (const name of ["username", "password"] as const) {
    // It would end the command that it is sent in and begin another.
    if (/[\r\n\0]/.test(given[name] ?? "")) fault(name, "must not hold a line break or a NUL");
  }
  if (username === "") fault("username", "must name an account; leave it out for an anonymous login");
  if (password !== undefined && username === undefined) fault("username", "must be given with a password");
  for (const name of ["ca", "fingerprint", "implicit"] as const) {
    if (given[name] !== undefined && !secure) fault(name, "belongs to ftps://, where the connection is encrypted");
  }
  const noCertificate = ca === undefined ? undefined : certificateFault(ca);
  if (noCertificate) fault("ca", noCertificate);
  const digits = given.fingerprint?.replace(/^sha-?256[:=]?|[\s:]/gi, "").toUpperCase();
  if (digits !== undefined && !/^[0-9A-F]{64}$/.test(digits)) fault("fingerprint", "must be a SHA-256 fingerprint: 64 hexadecimal digits");
  const host = hostName(uri);
  if (!host) fault("input", `must name a host, ${uri.protocol}//host/folder; it is ${JSON.stringify(uri.href)}`);
  const root = rootOf(uri.pathname);
  if (root === undefined) fault("input", "must have a path of UTF-8 characters, without . and .. and line breaks");
  if (faults.length || root === undefined) throw errors.invalid(faults);

  const tls = !secure ? "none" : (given.implicit ?? uri.port === "990") ? "implicit" : "explicit";
  const place = new URL(`ftps://${host}:${uri.port || (tls === "implicit" ? 990 : 21)}`);
  const account = username === undefined ? "" : `${encodeURIComponent(username)}@`;
  const port = uri.port && place.port !== (secure && tls === "implicit" ? "990" : "21") ? `:${place.port}` : "";
  const path = root.split("/").map(encodeURIComponent).join("/").replace(/^\//, "%2F");
  return {
    kind: "ftp",
    // The account is part of what a place is: another may see other folders under the same name.
    uri: `${uri.protocol}//${account}${host}${port}/${path}`,
    ...networkPlace(place, 21, options),
    tls,
    root,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { ca }),
    ...(digits !== undefined && { fingerprint: digits.match(/../g)!.join(":") }),
    connections,
  };
}

/** In the form that web addresses have: lower case, international names in Punycode, IPv4 in four decimal parts. */
function hostName({ hostname }: URL): string {
  return hostname && URL.canParse(`https://${hostname}`) ? new URL(`https://${hostname}`).hostname : "";
}

/**
 * The folder that a URI's path means (RFC 1738 section 3.2.2), without '/' at its end: below the account's own; absolute after "//" or "/%2F".
 */
function rootOf(pathname: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(pathname.replace(/^\//, ""));
  } catch {
    return undefined;
  }
  const parts = path.split("/").filter(Boolean);
  if (/[\r\n\0]/.test(path) || parts.includes(".") || parts.includes("..")) return undefined;
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}
