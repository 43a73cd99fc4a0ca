import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startKms, type KmsDouble } from "../../../test/kms/aws.ts";
import { startTransit, type TransitDouble } from "../../../test/kms/transit.ts";
import { keyManager, type KeyManagerEnv } from "./manager.ts";

const context = { tenantId: "tenant-a", purpose: "tenant-key:1" };
const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] as const;
const before = names.map((name) => process.env[name]);
let kms: KmsDouble;
let vault: TransitDouble;
let env: KeyManagerEnv;

beforeAll(async () => {
  [kms, vault] = await Promise.all([startKms(), startTransit({ keys: ["transit/legendo"] })]);
  // The SDK finds its credentials by itself.
  [process.env["AWS_ACCESS_KEY_ID"], process.env["AWS_SECRET_ACCESS_KEY"]] = [kms.credentials.accessKeyId, kms.credentials.secretAccessKey];
  env = {
    KEY_MANAGER: "local",
    MASTER_KEYS: `local1:${randomBytes(32).toString("base64")}`,
    AWS_KMS_KEY: kms.addKey(),
    AWS_KMS_ENDPOINT: kms.endpoint,
    TRANSIT_URL: vault.url,
    TRANSIT_KEY: "transit/legendo",
    TRANSIT_TOKEN: vault.token,
  };
});
afterAll(async () => {
  for (const [i, name] of names.entries()) {
    if (before[i] === undefined) delete process.env[name];
    else process.env[name] = before[i];
  }
  await Promise.all([kms.close(), vault.close()]);
});

describe("The key manager of the environment", () => {
  const kinds = ["local", "aws-kms", "vault-transit"] as const;

  it("wraps by the one that is chosen and opens what any of the three has wrapped", async () => {
    const key = randomBytes(32);
    const managers = kinds.map((KEY_MANAGER) => keyManager({ ...env, KEY_MANAGER }));
    const wrapped = await Promise.all(managers.map((manager) => manager.wrap(key, context)));
    expect(wrapped.map(({ keyId }) => keyId)).toEqual(["local1", `aws-kms:${env.AWS_KMS_KEY}`, "transit:transit/legendo"]);
    expect(managers.map(({ current }) => current)).toEqual(wrapped.map(({ keyId }) => keyId));
    for (const manager of managers)
      for (const { keyId, wrapped: bytes } of wrapped) expect((await manager.unwrap(keyId, bytes, context)).equals(key)).toBe(true);
  });

  it("is one for all services of a node", () => {
    expect(keyManager(env)).toBe(keyManager(env));
  });

  it("names what it would need to open what another one wrapped", async () => {
    const { KEY_MANAGER, MASTER_KEYS } = env;
    const alone = keyManager({ KEY_MANAGER, MASTER_KEYS });
    await expect(alone.unwrap("transit:transit/legendo", randomBytes(60), context)).rejects.toMatchObject({
      type: "VAULT_KEY_UNUSABLE",
      message: expect.stringContaining("TRANSIT_URL"),
    });
  });
});
