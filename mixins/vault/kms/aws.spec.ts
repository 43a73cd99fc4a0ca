import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startKms, type KmsDouble } from "../../../test/kms/aws.ts";
import { keyManagerContract } from "../keys.contract.ts";
import type { KeyManager } from "../keys.ts";
import { awsKms, type AwsKmsOptions } from "./aws.ts";

const context = { tenantId: "tenant-a", purpose: "tenant-key:1" };
let kms: KmsDouble;
let arn: string;
beforeAll(async () => {
  kms = await startKms();
});
beforeEach(() => {
  arn = kms.addKey();
  Object.assign(kms.faults, { next: 0, silent: false });
  kms.requests.length = 0;
});
afterAll(() => kms.close());

const open = (options: Partial<AwsKmsOptions> = {}): KeyManager =>
  awsKms({ key: arn, endpoint: kms.endpoint, credentials: kms.credentials, ...options });

keyManagerContract(
  "AWS KMS",
  () => Promise.resolve(open()),
  "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000",
);

describe("AWS KMS", () => {
  it("is told tenant and purpose as encryption context, with every request", async () => {
    const keys = open();
    const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
    await keys.unwrap(keyId, wrapped, context);
    expect(kms.requests).toEqual([
      { operation: "Encrypt", context },
      { operation: "Decrypt", context },
    ]);
  });

  it("goes on opening what an older key wrapped, wherever the vault moved to", async () => {
    const key = randomBytes(32);
    const { keyId, wrapped } = await open().wrap(key, context);
    const moved = open({ key: kms.addKey() });
    expect((await moved.unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
    expect((await moved.wrap(key, context)).keyId).not.toBe(keyId);
  });

  it("does not take a blob of another key for its own", async () => {
    const { wrapped } = await open().wrap(randomBytes(32), context);
    await expect(open().unwrap(`aws-kms:${kms.addKey()}`, wrapped, context)).rejects.toMatchObject({
      type: "VAULT_KEY_UNUSABLE",
      message: expect.stringContaining("IncorrectKeyException"),
    });
  });

  it("tries again when it is throttled or stumbles", async () => {
    for (const type of ["ThrottlingException", "KMSInternalException"] as const) {
      Object.assign(kms.faults, { next: 2, type });
      await expect(open().wrap(randomBytes(32), context)).resolves.toMatchObject({ keyId: `aws-kms:${arn}` });
    }
  });

  it.each([
    ["DisabledException", "VAULT_KEY_UNUSABLE", false],
    ["KMSInvalidStateException", "VAULT_KEY_UNUSABLE", false],
    ["AccessDeniedException", "VAULT_DENIED", false],
    ["ThrottlingException", "VAULT_UNREACHABLE", true],
    ["KMSInternalException", "VAULT_UNREACHABLE", true],
  ] as const)("means by %s: %s", async (fault, type, retryable) => {
    const keys = open();
    const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
    Object.assign(kms.faults, { next: 9, type: fault });
    await expect(keys.unwrap(keyId, wrapped, context)).rejects.toMatchObject({ type, retryable, message: expect.stringContaining(fault) });
  });

  it("names wrong credentials", async () => {
    const credentials = { ...kms.credentials, secretAccessKey: "wrong" };
    await expect(open({ credentials }).wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_DENIED", retryable: false });
  });

  it("is given up when it is silent, and left alone for a while when that goes on", async () => {
    const keys = open({ timeoutMs: 100, restMs: 300 });
    kms.faults.silent = true;
    const ask = () => keys.wrap(randomBytes(32), context);
    for (let i = 0; i < 5; i++) await expect(ask()).rejects.toMatchObject({ type: "VAULT_UNREACHABLE", retryable: true });
    kms.faults.silent = false;
    kms.requests.length = 0;
    await expect(ask()).rejects.toMatchObject({ type: "VAULT_UNREACHABLE", message: expect.stringContaining("left alone") });
    expect(kms.requests).toHaveLength(0);
    await new Promise((resolve) => setTimeout(resolve, 350));
    await expect(ask()).resolves.toMatchObject({ keyId: `aws-kms:${arn}` });
  });

  it("can't be reached when nothing answers there", async () => {
    const other = await startKms();
    await other.close();
    await expect(open({ endpoint: other.endpoint }).wrap(randomBytes(32), context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });
});
