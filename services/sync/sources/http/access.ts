import { hash } from "node:crypto";
import Type, { type Static } from "typebox";
import { errors, type Fault } from "../../../../config/errors.ts";
import { certificateFault } from "../certificate.ts";
import { networkPlace } from "../reach.ts";
import type { ParseOptions, Spec } from "../source.ts";
import { authorization, headersOf } from "./credentials.ts";
import { portOf } from "./urls.ts";

export interface HttpSpec extends Spec {
  kind: "http";
  /** With its query, which may be a secret (`uri` has a hash of it). Ends in '/' when it is known to be a folder. */
  url: string;
  listing: Listing;
  /** Sent to the URL's own origin alone; lower-case names. */
  headers: Record<string, string>;
  /** PEM of the authority that signed the certificate of the URL's host; the public ones when unset. */
  ca?: string;
  /** Other hosts that a manifest may lead to. */
  hosts: Pick<Spec, "host" | "trusted">[];
  /** The operator's proxy, for every host that is not private: a redirect may lead from one that is to one that is not. */
  outside?: string;
}

export type Listing = "auto" | "file" | "manifest" | "index" | "webdav";

const listings: Record<Listing, string> = {
  auto: "ask the server",
  file: "the URL is one file",
  manifest: "the URL is a list of files: JSON, an object on each line, lines as sha256sum prints, or a URL or path on each line",
  index: "HTML pages that link to what is in a folder, or nginx's JSON",
  webdav: "WebDAV",
};

export const access = Type.Object(
  {
    listing: Type.Optional(
      Type.Enum(Object.keys(listings) as Listing[], {
        description: `How the files are listed; auto when left out. ${Object.entries(listings)
          .map(([name, means]) => `${name}: ${means}`)
          .join("; ")}.`,
      }),
    ),
    username: Type.Optional(Type.String({ maxLength: 256, description: "For basic authentication." })),
    password: Type.Optional(Type.String({ maxLength: 1024, description: "For basic authentication; kept sealed, never shown." })),
    bearerToken: Type.Optional(Type.String({ maxLength: 8192, description: "Sent as Authorization: Bearer …; kept sealed, never shown." })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 8192 }), {
        maxProperties: 16,
        description: "Further header fields of every request to the URL's own host; kept sealed, never shown.",
      }),
    ),
    ca: Type.Optional(
      Type.String({
        maxLength: 65_536,
        description: "Certificate of the authority (PEM) that the host's is signed by; public ones when left out.",
      }),
    ),
    hosts: Type.Optional(
      Type.Array(Type.String({ maxLength: 260 }), {
        maxItems: 32,
        description: "Other hosts (host or host:port) that a manifest may lead to; no credentials are sent there.",
      }),
    ),
  },
  { additionalProperties: false },
);

/** @throws VALIDATION_FAILED naming every fault, SOURCE_NOT_ALLOWED */
export function parse(uri: URL, given: Static<typeof access>, options: ParseOptions): HttpSpec {
  const { listing = "auto", ca } = given;
  const faults: Fault[] = [];
  if (!isEscaped(uri.pathname)) faults.push({ pointer: "/input", detail: "has a % that starts no escape; write % as %25" });
  const folder = listing === "index" || listing === "webdav";
  if ((listing === "file" || listing === "manifest") && uri.pathname.endsWith("/")) {
    faults.push({ pointer: "/input", detail: `must not end in / when the listing is "${listing}": it has to name a file` });
  }
  if (given.hosts && listing !== "manifest") faults.push({ pointer: "/http/hosts", detail: "belongs to a manifest alone" });
  if (ca !== undefined) faults.push(...caFaults(ca, uri));
  const headers = { ...headersOf(given.headers ?? {}, faults), ...authorization(given, faults) };
  const hosts = (given.hosts ?? []).flatMap((host, i) => hostOf(host, i, uri, options, faults));
  if (faults.length) throw errors.invalid(faults);

  const url = new URL(uri);
  if (folder && !url.pathname.endsWith("/")) url.pathname += "/";
  return {
    kind: "http",
    uri: shownUri(url, listing),
    ...networkPlace(uri, portOf(uri), options),
    url: url.href,
    listing,
    headers,
    ...(ca !== undefined && { ca }),
    hosts,
    ...(options.proxy && { outside: options.proxy }),
  };
}

/** The files that a manifest names are another place than the manifest itself. */
function shownUri(url: URL, listing: Listing): string {
  const query = url.search && `?query=${hash("sha256", url.search).slice(0, 12)}`;
  return `${url.origin}${url.pathname}${query}${listing === "manifest" ? "#manifest" : ""}`;
}

const isEscaped = (path: string) => !/%(?![0-9a-f]{2})/i.test(path);

function caFaults(ca: string, uri: URL): Fault[] {
  const pointer = "/http/ca";
  if (uri.protocol !== "https:") return [{ pointer, detail: "belongs to an https:// place alone" }];
  const detail = certificateFault(ca);
  return detail ? [{ pointer, detail }] : [];
}

function hostOf(host: string, i: number, uri: URL, options: ParseOptions, faults: Fault[]): Pick<Spec, "host" | "trusted">[] {
  const url = /^[^/?#@\s\\]+$/.test(host) && URL.canParse(`${uri.protocol}//${host}`) ? new URL(`${uri.protocol}//${host}`) : undefined;
  if (!url) {
    faults.push({ pointer: `/http/hosts/${i}`, detail: `must be host or host:port; it is ${JSON.stringify(host)}` });
    return [];
  }
  const { host: place, trusted } = networkPlace(url, portOf(url), options);
  return [{ host: place, ...(trusted && { trusted }) }];
}
