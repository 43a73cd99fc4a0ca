import type { LookupFunction } from "node:net";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type * as S3 from "@aws-sdk/client-s3";

/** The S3 SDK: 80 ms and 13 MB, so only what really talks to S3 loads it. */
export type Sdk = typeof S3;

export interface BucketOptions {
  region: string;
  /** Origin of an S3-compatible server, addressed path style; AWS when unset. */
  endpoint?: string;
  /** The SDK's own chain (environment, instance role) when unset; "anonymous" sends requests unsigned. */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | "anonymous";
  /** Longest silence on a connection, milliseconds. */
  silence?: number;
  /** Resolves host names instead of the system, e.g. to refuse private addresses. */
  lookup?: LookupFunction;
}

export interface Bucket {
  sdk: Sdk;
  client: S3.S3Client;
}

export async function openBucket({ region, endpoint, credentials, lookup, silence = 30_000 }: BucketOptions): Promise<Bucket> {
  const sdk = await import("@aws-sdk/client-s3");
  const agent = { keepAlive: true, maxSockets: 64, ...(lookup && { lookup }) };
  const client = new sdk.S3Client({
    region,
    ...(endpoint && { endpoint, forcePathStyle: true }),
    ...(credentials === "anonymous" ? unsigned : credentials && { credentials }),
    // The SDK's default adds CRC trailers that S3-compatible servers of some age refuse.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    // The SDK backs off with jitter on 5xx, SlowDown and broken connections.
    maxAttempts: 4,
    requestHandler: {
      connectionTimeout: 5_000,
      requestTimeout: silence,
      throwOnRequestTimeout: true,
      socketTimeout: silence,
      httpAgent: new HttpAgent(agent),
      httpsAgent: new HttpsAgent(agent),
    },
  });
  return { sdk, client };
}

const unsigned: Pick<S3.S3ClientConfig, "credentials" | "signer"> = {
  credentials: { accessKeyId: "", secretAccessKey: "" },
  signer: { sign: (request) => Promise.resolve(request) },
};

export type BucketFault = "missing" | "noBucket" | "denied" | "changed" | "archived" | "full" | "unreachable";

const byName: Record<string, BucketFault> = {
  NoSuchKey: "missing",
  NotFound: "missing",
  NoSuchBucket: "noBucket",
  AccessDenied: "denied",
  AllAccessDisabled: "denied",
  InvalidAccessKeyId: "denied",
  SignatureDoesNotMatch: "denied",
  ExpiredToken: "denied",
  InvalidToken: "denied",
  TokenRefreshRequired: "denied",
  RequestTimeTooSkewed: "denied",
  // The bucket lives in another region than the one given.
  PermanentRedirect: "denied",
  AuthorizationHeaderMalformed: "denied",
  CredentialsProviderError: "denied",
  PreconditionFailed: "changed",
  InvalidObjectState: "archived",
  QuotaExceeded: "full",
  XMinioStorageFull: "full",
};
const byStatus: Record<number, BucketFault> = { 301: "denied", 401: "denied", 403: "denied", 404: "missing", 412: "changed", 507: "full" };

/** What an S3 failure means; whatever is not known to be final may pass. */
export function bucketFault(error: unknown): BucketFault {
  const { name, $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  return byName[name ?? ""] ?? byStatus[$metadata?.httpStatusCode ?? 0] ?? "unreachable";
}

/** "AccessDenied (403): the server's words", without addresses or keys. */
export function bucketSays(error: unknown): string {
  const { name = "Error", message = String(error), $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  return `${name}${status ? ` (${status})` : ""}: ${message}`;
}
