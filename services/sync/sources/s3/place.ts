import { isIP } from "node:net";
import Type, { type Static } from "typebox";
import { errors, type Fault } from "../../../../config/errors.ts";
import { hostOf } from "../../../../mixins/reach.ts";
import { certificateFault } from "../certificate.ts";
import { networkPlace } from "../reach.ts";
import type { ParseOptions, Spec } from "../source.ts";

export interface S3Spec extends Spec {
  kind: "s3";
  bucket: string;
  /** Empty, or ends in '/'. */
  prefix: string;
  region: string;
  /** Origin of an S3-compatible server; AWS when unset. */
  endpoint?: string;
  /** endpoint/bucket/key instead of bucket.endpoint/key; unset: for endpoints, not for AWS. */
  pathStyle?: boolean;
  /** Requests are not signed when unset: never with the node's own identity, which may see more than the tenant. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  requesterPays?: boolean;
  /** PEM of the authority that signed the endpoint's certificate; the public ones when unset. */
  ca?: string;
  /** The bucket as it was then, milliseconds since 1970. */
  asOf?: number;
}

export const access = Type.Object(
  {
    endpoint: Type.Optional(Type.String({ maxLength: 2048, description: "Origin of an S3-compatible server; AWS when left out." })),
    region: Type.Optional(
      Type.String({
        maxLength: 40,
        pattern: "^[A-Za-z0-9-]+$",
        description: "Region of the bucket; another one that the server names is followed.",
      }),
    ),
    addressing: Type.Optional(
      Type.Enum(["auto", "path", "virtual"], {
        description:
          "Where the bucket's name stands: in the path or before the host's. By itself: in the path for endpoints, before the host's for AWS.",
      }),
    ),
    accessKeyId: Type.Optional(Type.String({ maxLength: 256, description: "Access key; requests are not signed without one." })),
    secretAccessKey: Type.Optional(Type.String({ maxLength: 1024, description: "Secret of the access key; kept sealed, never shown." })),
    sessionToken: Type.Optional(Type.String({ maxLength: 4096, description: "Session token of temporary credentials." })),
    requesterPays: Type.Optional(Type.Boolean({ description: "Agrees to be charged for requests by a bucket whose owner asks for it." })),
    ca: Type.Optional(
      Type.String({
        maxLength: 65_536,
        description: "Certificate of the authority (PEM) that the endpoint's is signed by; public ones when left out.",
      }),
    ),
    asOf: Type.Optional(
      Type.String({ maxLength: 40, description: "Reads a bucket that keeps versions as it was at this time, e.g. 2026-01-31T12:00:00Z." }),
    ),
  },
  { additionalProperties: false },
);

const BUCKET = /^[a-zA-Z0-9][a-zA-Z0-9._-]{1,61}[a-zA-Z0-9]$/;

/** @throws VALIDATION_FAILED naming every fault, SOURCE_NOT_ALLOWED */
export function parsePlace(uri: URL, given: Static<typeof access>, options: ParseOptions): S3Spec {
  const { region = "us-east-1", addressing = "auto", accessKeyId, secretAccessKey, sessionToken, requesterPays, ca } = given;
  const faults: Fault[] = [];
  const fault = (pointer: string, detail: string | undefined) => void (detail && faults.push({ pointer, detail }));
  const bucket = uri.hostname;
  if (!BUCKET.test(bucket)) fault("/input", `must name a bucket, s3://bucket/prefix; the bucket is ${JSON.stringify(bucket)}`);
  const prefix = prefixOf(uri);
  if (prefix === undefined) fault("/input", "has a % that starts no escape; write % as %25");
  if (!accessKeyId !== !secretAccessKey) {
    fault(accessKeyId ? "/s3/secretAccessKey" : "/s3/accessKeyId", "must be given together with the other half of the key");
  }
  const origin = given.endpoint === undefined ? undefined : originOf(given.endpoint);
  if (origin === null) fault("/s3/endpoint", `must be an origin such as https://s3.example.com; it is ${JSON.stringify(given.endpoint)}`);
  if (addressing === "virtual" && origin) fault("/s3/addressing", virtualFault(origin, bucket));
  if (ca !== undefined) fault("/s3/ca", origin?.protocol === "https:" ? certificateFault(ca) : "belongs to an https:// endpoint alone");
  const asOf = given.asOf === undefined ? undefined : momentOf(given.asOf);
  if (Number.isNaN(asOf))
    fault("/s3/asOf", `must be a time with its zone such as 2026-01-31T12:00:00Z; it is ${JSON.stringify(given.asOf)}`);
  else if (asOf !== undefined && options.purpose === "write") fault("/s3/asOf", "does not belong to a place that is written to");
  if (faults.length || prefix === undefined || origin === null) throw errors.invalid(faults);

  return {
    kind: "s3",
    uri: `s3://${bucket}/${prefix.split("/").map(encodeURIComponent).join("/")}${identity(origin, asOf)}`,
    ...(origin
      ? { endpoint: origin.origin, ...networkPlace(addressing === "virtual" ? virtualOf(origin, bucket) : origin, portOf(origin), options) }
      : { host: `s3.${region}.amazonaws.com:443`, ...(options.proxy && { proxy: options.proxy }) }),
    bucket,
    prefix,
    region,
    ...(addressing !== "auto" && { pathStyle: addressing === "path" }),
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } }),
    ...(requesterPays && { requesterPays }),
    ...(ca !== undefined && { ca }),
    ...(asOf !== undefined && { asOf }),
  };
}

const portOf = (origin: URL) => (origin.protocol === "http:" ? 80 : 443);

/** Endpoint and moment are part of what a source is: the same bucket name elsewhere, or at another time, is another place. */
function identity(origin: URL | undefined, asOf: number | undefined): string {
  const parts = [...(origin ? [`endpoint=${origin.origin}`] : []), ...(asOf === undefined ? [] : [`asOf=${new Date(asOf).toISOString()}`])];
  return parts.length ? `?${parts.join("&")}` : "";
}

function prefixOf(uri: URL): string | undefined {
  try {
    const folder = decodeURIComponent(uri.pathname).replace(/^\/+|\/+$/g, "");
    return folder && `${folder}/`;
  } catch {
    return undefined;
  }
}

function originOf(endpoint: string): URL | null {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  return url && /^https?:$/.test(url.protocol) && url.pathname === "/" && !url.search && !url.hash && !url.username && !url.password
    ? url
    : null;
}

function virtualFault(origin: URL, bucket: string): string | undefined {
  if (isIP(hostOf(origin))) return 'must be "path" for an endpoint that is an address';
  return /^[a-z0-9-]+$/.test(bucket) ? undefined : `must be "path" for a bucket whose name can't be part of a host's: ${bucket}`;
}

/** Where requests go in virtual-hosted style. The operator's word on a private host does not hold for the names below it. */
const virtualOf = (origin: URL, bucket: string): URL => new URL(`${origin.protocol}//${bucket}.${origin.host}`);

/** Milliseconds since 1970; NaN for what is no time with its zone. */
const momentOf = (text: string): number =>
  /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
