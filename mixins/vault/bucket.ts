import type { LookupFunction } from "node:net";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { proxiedAgents } from "../proxied.ts";
import type * as S3 from "@aws-sdk/client-s3";

/** The S3 SDK: 80 ms and 13 MB, so only what really talks to S3 loads it. */
export type Sdk = typeof S3;

export interface BucketOptions {
  region: string;
  /** Origin of an S3-compatible server; AWS when unset. */
  endpoint?: string;
  /** endpoint/bucket/key instead of bucket.endpoint/key. Unset: for endpoints, not for AWS. */
  pathStyle?: boolean;
  /** The SDK's own chain (environment, instance role) when unset; "anonymous" sends requests unsigned. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | "anonymous";
  /** Longest silence on a connection, milliseconds. */
  silence?: number;
  /** Resolves host names instead of the system, e.g. to refuse private addresses. */
  lookup?: LookupFunction;
  /** http://user:password@host:port of a proxy that every connection goes through. */
  proxy?: string;
  /** PEM of the authority that signed the endpoint's certificate; the public ones when unset. */
  ca?: string;
}

export interface Bucket {
  sdk: Sdk;
  client: S3.S3Client;
}

const CONNECT = 5_000;

export async function openBucket(options: BucketOptions): Promise<Bucket> {
  const { region, endpoint, pathStyle = endpoint !== undefined, credentials, silence = 30_000, lookup, proxy, ca } = options;
  const sdk = await import("@aws-sdk/client-s3");
  const sockets = { keepAlive: true, maxSockets: 64, ...(ca && { ca }) };
  const direct = () => ({
    httpAgent: new HttpAgent({ ...sockets, ...(lookup && { lookup }) }),
    httpsAgent: new HttpsAgent({ ...sockets, ...(lookup && { lookup }) }),
  });
  const client = new sdk.S3Client({
    region,
    ...(endpoint && { endpoint }),
    forcePathStyle: pathStyle,
    ...(credentials === "anonymous" ? unsigned : credentials && { credentials }),
    // The SDK's default adds CRC trailers that S3-compatible servers of some age refuse.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // With agents of our own the SDK would not wait for the answer anyway, and some servers refuse the question.
    expectContinueHeader: false,
    // The SDK backs off with jitter on 5xx, SlowDown and broken connections.
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: CONNECT,
      // Silence, not duration: a large body may take its time.
      socketTimeout: silence,
      ...(proxy ? proxiedAgents(proxy, CONNECT, sockets) : direct()),
    },
  });
  return { sdk, client };
}

const unsigned: Pick<S3.S3ClientConfig, "credentials" | "signer"> = {
  credentials: { accessKeyId: "", secretAccessKey: "" },
  signer: { sign: (request) => Promise.resolve(request) },
};

export type BucketFault =
  "missing" | "noBucket" | "denied" | "expired" | "untrusted" | "changed" | "archived" | "unsupported" | "full" | "unreachable";

const byName: Record<string, BucketFault> = {
  NoSuchKey: "missing",
  NoSuchVersion: "missing",
  NotFound: "missing",
  NoSuchBucket: "noBucket",
  AccessDenied: "denied",
  AllAccessDisabled: "denied",
  InvalidAccessKeyId: "denied",
  SignatureDoesNotMatch: "denied",
  InvalidToken: "denied",
  RequestTimeTooSkewed: "denied",
  // The bucket lives in another region than the one given.
  PermanentRedirect: "denied",
  AuthorizationHeaderMalformed: "denied",
  CredentialsProviderError: "denied",
  ExpiredToken: "expired",
  ExpiredTokenException: "expired",
  TokenRefreshRequired: "expired",
  PreconditionFailed: "changed",
  InvalidObjectState: "archived",
  KeyTooLongError: "unsupported",
  EntityTooLarge: "unsupported",
  InvalidURI: "unsupported",
  XMinioInvalidObjectName: "unsupported",
  NotImplemented: "unsupported",
  MethodNotAllowed: "unsupported",
  QuotaExceeded: "full",
  XMinioStorageFull: "full",
};
const byStatus: Record<number, BucketFault> = { 301: "denied", 401: "denied", 403: "denied", 404: "missing", 412: "changed", 507: "full" };
const certificate = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|HOSTNAME_MISMATCH|ERR_TLS_CERT)/;

interface SdkError {
  name?: string;
  message?: string;
  code?: string;
  Region?: string;
  $metadata?: { httpStatusCode?: number };
  $response?: { headers?: Record<string, string> };
}

/** What an S3 failure means; whatever is not known to be final may pass. */
export function bucketFault(error: unknown): BucketFault {
  const { name, code, $metadata } = error as SdkError;
  if (certificate.test(code ?? "")) return "untrusted";
  return byName[name ?? ""] ?? byStatus[$metadata?.httpStatusCode ?? 0] ?? "unreachable";
}

/** What libraries add for who runs the program, not for who reads this. */
const advice = /^@smithy\/node-http-handler - |; if the root CA is installed locally.*/g;

/** "AccessDenied (403): the server's words", without addresses or keys. */
export function bucketSays(error: unknown): string {
  const { name = "Error", message = String(error), $metadata } = error as SdkError;
  const status = $metadata?.httpStatusCode;
  return `${name}${status ? ` (${status})` : ""}: ${message.replace(advice, "")}`;
}

/** The region that a refused request should have gone to, if the server said so. */
export function bucketRegion(error: unknown): string | undefined {
  const { Region, $response } = error as SdkError;
  const region = $response?.headers?.["x-amz-bucket-region"] ?? Region;
  // It becomes part of a host name.
  return region && /^[a-z0-9-]{1,40}$/.test(region) ? region : undefined;
}
