import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startKms, type KmsDouble } from "../../../test/kms/aws.ts";
import { keyManagerContract } from "../keys.contract.ts";
import { awsKms } from "./aws.ts";
import { remembering } from "./remembering.ts";

const context = { tenantId: "tenant-a", purpose: "tenant-key:1" };
let kms: KmsDouble;
let arn: string;
beforeAll(async () => {
  kms = await startKms();
});
beforeEach(() => {
  arn = kms.addKey();
  Object.assign(kms.faults, { next: 0, type: "KMSInternalException" });
});
afterAll(() => kms.close());

const distant = () => awsKms({ key: arn, endpoint: kms.endpoint, credentials: kms.credentials });
const asked = () => kms.requests.filter(({ operation }) => operation === "Decrypt").length;

keyManagerContract("A remembering key manager", () => Promise.resolve(remembering(distant())), "aws-kms:lost");

describe("A remembering key manager", () => {
  const key = randomBytes(32);

  it("asks once for what many want at the same time", async () => {
    const keys = remembering(distant());
    const { keyId, wrapped } = await keys.wrap(key, context);
    const before = asked();
    const opened = await Promise.all(Array.from({ length: 20 }, () => keys.unwrap(keyId, wrapped, context)));
    expect(opened.every((copy) => copy.equals(key))).toBe(true);
    expect(new Set(opened).size).toBe(20);
    await keys.unwrap(keyId, wrapped, context);
    expect(asked() - before).toBe(1);
  });

  it("goes on through an outage with the keys that it knows, and with no others", async () => {
    const keys = remembering(distant(), { freshMs: 0 });
    const { keyId, wrapped } = await keys.wrap(key, context);
    const unknown = await keys.wrap(key, context);
    await keys.unwrap(keyId, wrapped, context);
    kms.faults.next = 100;
    expect((await keys.unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
    await expect(keys.unwrap(unknown.keyId, unknown.wrapped, context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });

  it("gives up on an outage that lasts too long", async () => {
    const keys = remembering(distant(), { freshMs: 0, staleMs: 0 });
    const { keyId, wrapped } = await keys.wrap(key, context);
    await keys.unwrap(keyId, wrapped, context);
    kms.faults.next = 100;
    await expect(keys.unwrap(keyId, wrapped, context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });

  it("forgets what the key manager refuses by now, also for the outage that follows", async () => {
    const keys = remembering(distant(), { freshMs: 0 });
    const { keyId, wrapped } = await keys.wrap(key, context);
    await keys.unwrap(keyId, wrapped, context);
    kms.keys.get(arn)!.enabled = false;
    await expect(keys.unwrap(keyId, wrapped, context)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
    kms.faults.next = 100;
    await expect(keys.unwrap(keyId, wrapped, context)).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });
});
