import { errors, type Fault } from "../../../../config/errors.ts";
import { bytesOf, nameOfBytes } from "../names.ts";
import { networkPlace } from "../reach.ts";
import type { SftpAccess } from "../sftp.source.ts";
import type { ParseOptions } from "../source.ts";
import type { SftpSpec } from "./spec.ts";

/**
 * sftp://host:port/absolute/folder, or sftp://host/~/folder for one below the account's own. The path's bytes are percent-decoded as they
 * are: it need not be UTF-8.
 * @throws VALIDATION_FAILED, SOURCE_NOT_ALLOWED
 */
export async function parse(uri: URL, given: SftpAccess, options: ParseOptions): Promise<SftpSpec> {
  const { username = "", password, privateKey, passphrase, hostKey = "" } = given;
  const faults: Fault[] = [];
  if (!username) faults.push({ pointer: "/sftp/username", detail: "must name the account on the server" });
  if (password === undefined && privateKey === undefined) {
    faults.push({ pointer: "/sftp/password", detail: "must be given, or privateKey instead" });
  }
  const keyFault = privateKey === undefined ? undefined : await faultOfKey(privateKey, passphrase);
  if (keyFault) faults.push(keyFault);
  const hostKeys = hostKey.match(/SHA256:[A-Za-z0-9+/]{43}(?![A-Za-z0-9+/])/g) ?? [];
  if (hostKey.trim() && !hostKeys.length) {
    faults.push({ pointer: "/sftp/hostKey", detail: "must be a fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters" });
  }
  const host = hostName(uri);
  if (!host) faults.push({ pointer: "/input", detail: "must name a host: sftp://host/folder" });
  const root = rootOf(uri.pathname);
  if (root.includes("\0")) faults.push({ pointer: "/input", detail: "must not hold a NUL" });
  if (faults.length) throw errors.invalid(faults);

  const place = new URL(`sftp://${host}${uri.port && uri.port !== "22" ? `:${uri.port}` : ""}`);
  return {
    kind: "sftp",
    // The account is part of what a source is: another may see other folders under the same name.
    uri: `sftp://${encodeURIComponent(username)}@${place.host}${shownRoot(root)}`,
    ...networkPlace(place, 22, options),
    root,
    username,
    ...(password !== undefined && { password }),
    ...(privateKey !== undefined && { privateKey }),
    ...(passphrase !== undefined && { passphrase }),
    hostKeys,
  };
}

async function faultOfKey(privateKey: string, passphrase: string | undefined): Promise<Fault | undefined> {
  const { default: ssh2 } = await import("ssh2");
  const key = ssh2.utils.parseKey(privateKey, passphrase);
  if (!(key instanceof Error)) {
    return key.isPrivateKey() ? undefined : { pointer: "/sftp/privateKey", detail: "must be a private key; it is a public one" };
  }
  if (!/passphrase|decrypt|integrity/i.test(key.message)) return { pointer: "/sftp/privateKey", detail: `can't be read: ${key.message}` };
  const detail = passphrase === undefined ? "must be given: the private key is locked" : "does not open the private key";
  return { pointer: "/sftp/passphrase", detail };
}

/** In the form that web addresses have: lower case, international names in Punycode, IPv4 in four decimal parts. */
const hostName = ({ hostname }: URL): string =>
  hostname && URL.canParse(`https://${hostname}`) ? new URL(`https://${hostname}`).hostname : "";

/** The folder that a URI's path means, without '/' at its end: absolute, or below the account's own after "/~". */
function rootOf(pathname: string): string {
  const own = /^\/~(\/|$)/.test(pathname);
  const parts = (own ? pathname.slice(2) : pathname).split("/").filter(Boolean);
  const folder = parts.map((part) => nameOfBytes(percentDecoded(part))).join("/");
  return own ? folder : `/${folder}`;
}

const percentDecoded = (text: string): Buffer =>
  Buffer.from(
    text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
    "latin1",
  );

function shownRoot(root: string): string {
  const shown = bytesOf(root)
    .toString("latin1")
    .replace(/[^\w\-.~!$&'()*+,;=:@/]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
  return root.startsWith("/") ? shown.replace(/^\/~(?=\/|$)/, "/%7E") : `/~/${shown}`;
}
