import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { signatureFault } from "../s3/signature.ts";
import { startDouble } from "./double.ts";

/**
 * A double of AWS KMS for tests: Encrypt and Decrypt with symmetric keys, as the API Reference has them. Signatures are checked, the
 * encryption context is authenticated, and it can be told to fail.
 */
export interface KmsDouble {
  endpoint: string;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** ARN → key. */
  keys: Map<string, { secret: Buffer; enabled: boolean }>;
  faults: KmsFaults;
  /** Operation and encryption context of every request, in order. */
  requests: { operation: string; context: Record<string, string> }[];
  /** Another key. @returns its ARN */
  addKey(): string;
  close(): Promise<void>;
}

export interface KmsFaults {
  /** So many of the next requests are answered with this error. */
  next: number;
  type: keyof typeof statuses;
  /** Nothing is answered at all. */
  silent: boolean;
}

const statuses = {
  AccessDeniedException: 400,
  DisabledException: 400,
  IncorrectKeyException: 400,
  InvalidCiphertextException: 400,
  InvalidSignatureException: 400,
  KMSInternalException: 500,
  KMSInvalidStateException: 400,
  NotFoundException: 400,
  ThrottlingException: 400,
  UnrecognizedClientException: 400,
  UnknownOperationException: 400,
  ValidationException: 400,
} as const;

interface Wish {
  KeyId?: string;
  Plaintext?: string;
  CiphertextBlob?: string;
  EncryptionContext?: Record<string, string>;
}

class Refusal extends Error {
  readonly type: keyof typeof statuses;
  constructor(type: keyof typeof statuses, message: string) {
    super(message);
    this.type = type;
  }
}

export async function startKms(): Promise<KmsDouble> {
  const credentials = { accessKeyId: "AKIADOUBLE", secretAccessKey: randomUUID() };
  const keys: KmsDouble["keys"] = new Map();
  const faults: KmsFaults = { next: 0, type: "KMSInternalException", silent: false };
  const requests: KmsDouble["requests"] = [];

  const keyOf = (arn: string) => {
    const key = keys.get(arn);
    if (!key) throw new Refusal("NotFoundException", `Key '${arn}' does not exist`);
    if (!key.enabled) throw new Refusal("DisabledException", `${arn} is disabled.`);
    return key.secret;
  };
  // The context is authenticated whatever the order of its pairs.
  const bound = (context: Record<string, string> = {}) => Buffer.from(JSON.stringify(Object.entries(context).sort()));

  const operations: Record<string, (wish: Wish) => object> = {
    "TrentService.Encrypt": ({ KeyId = "", Plaintext = "", EncryptionContext }) => {
      const nonce = randomBytes(12);
      const cipher = createCipheriv("aes-256-gcm", keyOf(KeyId), nonce).setAAD(bound(EncryptionContext));
      const sealed = Buffer.concat([cipher.update(Plaintext, "base64"), cipher.final()]);
      // A real blob names its key too, which is why KMS can tell another key from a damaged blob.
      const blob = Buffer.concat([Buffer.from(`${KeyId}\n`), nonce, cipher.getAuthTag(), sealed]);
      return { KeyId, CiphertextBlob: blob.toString("base64"), EncryptionAlgorithm: "SYMMETRIC_DEFAULT" };
    },
    "TrentService.Decrypt": ({ KeyId, CiphertextBlob = "", EncryptionContext }) => {
      const blob = Buffer.from(CiphertextBlob, "base64");
      if (!blob.length) throw new Refusal("ValidationException", "Member must have length greater than or equal to 1");
      if (KeyId) keyOf(KeyId);
      const end = blob.indexOf("\n");
      const arn = blob.subarray(0, Math.max(0, end)).toString();
      if (end < 0 || !keys.has(arn)) throw new Refusal("InvalidCiphertextException", "");
      if (KeyId && KeyId !== arn)
        throw new Refusal("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.");
      const [nonce, tag, sealed] = [blob.subarray(end + 1, end + 13), blob.subarray(end + 13, end + 29), blob.subarray(end + 29)];
      try {
        const decipher = createDecipheriv("aes-256-gcm", keyOf(arn), nonce, { authTagLength: 16 }).setAAD(bound(EncryptionContext));
        decipher.setAuthTag(tag);
        const plain = Buffer.concat([decipher.update(sealed), decipher.final()]);
        return { KeyId: arn, Plaintext: plain.toString("base64"), EncryptionAlgorithm: "SYMMETRIC_DEFAULT" };
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw new Refusal("InvalidCiphertextException", "");
      }
    },
  };

  function answer(target: string, fault: string | null, wish: Wish): object {
    if (faults.next > 0 && faults.next--) throw new Refusal(faults.type, "The double was told to.");
    if (fault === "InvalidAccessKeyId")
      throw new Refusal("UnrecognizedClientException", "The security token included in the request is invalid.");
    if (fault)
      throw new Refusal("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.");
    const operation = operations[target];
    if (!operation) throw new Refusal("UnknownOperationException", target);
    return operation(wish);
  }

  const double = await startDouble((request, body, response) => {
    if (faults.silent) return;
    const target = String(request.headers["x-amz-target"]);
    const url = new URL(request.url!, "http://double");
    const fault = signatureFault(request, url, body, credentials.accessKeyId, credentials.secretAccessKey, "kms");
    const wish = JSON.parse(body.toString()) as Wish;
    requests.push({ operation: target.replace("TrentService.", ""), context: wish.EncryptionContext ?? {} });
    const send = (status: number, value: object) =>
      response.writeHead(status, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(value));
    try {
      send(200, answer(target, fault, wish));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      send(statuses[error.type], { __type: error.type, message: error.message });
    }
  });

  return {
    endpoint: double.origin,
    credentials,
    keys,
    faults,
    requests,
    addKey() {
      const arn = `arn:aws:kms:eu-central-1:111122223333:key/${randomUUID()}`;
      keys.set(arn, { secret: randomBytes(32), enabled: true });
      return arn;
    },
    close: () => double.close(),
  };
}
