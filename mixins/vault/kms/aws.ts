import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { DecryptCommand, EncryptCommand, KMSClient, type KMSClientConfig } from "@aws-sdk/client-kms";
import { errors } from "../../../config/errors.ts";
import type { KeyContext, KeyManager } from "../keys.ts";
import { breaker, type BreakerOptions } from "./breaker.ts";

/** What the ids of master keys in AWS KMS begin with; the key's ARN follows. */
export const awsPrefix = "aws-kms:";

export interface AwsKmsOptions extends BreakerOptions {
  /** ARN of the symmetric key that wraps. What other keys have wrapped opens by their own ARN. */
  key: string;
  /** Origin to ask instead of AWS. */
  endpoint?: string;
  /** The SDK's own chain (environment, instance role, web identity) when unset. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
}

/** Key manager in AWS KMS. Tenant and purpose are the encryption context: KMS authenticates them, policies and CloudTrail see them. */
export function awsKms({ key, endpoint, credentials, ...limits }: AwsKmsOptions): KeyManager {
  const ask = breaker("AWS KMS", limits);
  const clients = new Map<string, KMSClient>();
  const clientOf = (region: string) => {
    const client = clients.get(region) ?? new KMSClient(configOf(region, endpoint, credentials));
    clients.set(region, client);
    return client;
  };
  const current = awsPrefix + key;

  return {
    current,
    async wrap(plain, context) {
      const client = clientOf(regionOf(current));
      const command = new EncryptCommand({ KeyId: key, Plaintext: plain, EncryptionContext: { ...context } });
      const { CiphertextBlob } = await ask((abortSignal) => client.send(command, { abortSignal }).catch(failed(current, context)));
      return { keyId: current, wrapped: Buffer.from(CiphertextBlob!) };
    },
    async unwrap(keyId, wrapped, context) {
      const client = clientOf(regionOf(keyId));
      if (!wrapped.length) throw errors.vaultKey(`There is nothing to unwrap by master key "${keyId}".`);
      const KeyId = keyId.slice(awsPrefix.length);
      const command = new DecryptCommand({ KeyId, CiphertextBlob: wrapped, EncryptionContext: { ...context } });
      const { Plaintext } = await ask((abortSignal) => client.send(command, { abortSignal }).catch(failed(keyId, context)));
      return Buffer.from(Plaintext!);
    },
  };
}

function regionOf(keyId: string): string {
  const region = /^aws-kms:arn:aws[\w-]*:kms:([a-z0-9-]+):\d{12}:key\//.exec(keyId)?.[1];
  if (!region) throw errors.vaultKey(`Master key "${keyId}" was expected to be ${awsPrefix} and the ARN of a key.`);
  return region;
}

const configOf = (region: string, endpoint?: string, credentials?: AwsKmsOptions["credentials"]): KMSClientConfig => ({
  region,
  ...(endpoint && { endpoint }),
  ...(credentials && { credentials }),
  // The SDK backs off with jitter on throttling, 5xx and broken connections.
  maxAttempts: 3,
  requestHandler: {
    connectionTimeout: 2_000,
    requestTimeout: 3_000,
    throwOnRequestTimeout: true,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
  },
});

/** We are not let in: the credentials are wrong, old or may not use the key. */
const refusals =
  /^(AccessDenied|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|IncompleteSignature|MissingAuthenticationToken|ExpiredToken|OptInRequired|CredentialsProvider)/;
/** Passing, although the status is 4xx. */
const passing = /^(Throttl|RequestLimitExceeded|TooManyRequests|LimitExceeded|RequestTimeout|KeyUnavailable|DependencyTimeout)/;

const failed =
  (keyId: string, { tenantId, purpose }: KeyContext) =>
  (error: unknown): never => {
    const {
      name = "Error",
      message = "",
      $metadata,
    } = error as { name?: string; message?: string; $metadata?: { httpStatusCode?: number } };
    const status = $metadata?.httpStatusCode;
    const says = `AWS KMS on master key "${keyId}", for ${purpose} of ${tenantId}: ${name}${message && `: ${message}`}`;
    if (refusals.test(name)) throw errors.vaultDenied(says, undefined, error);
    if (passing.test(name) || status === undefined || status >= 500) throw errors.vaultUnreachable(says, undefined, error);
    throw errors.vaultKey(says, undefined, error);
  };
