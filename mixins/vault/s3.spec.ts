import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startS3, type S3Double } from "../../test/s3/double.ts";
import { storeContract } from "./store.contract.ts";
import { openStore, type Store } from "./store.ts";

const optionsFor = (s3: S3Double, bucket = "vault") => {
  const { endpoint, accessKeyId, secretAccessKey } = s3;
  return { url: `s3://${bucket}/packs/of sync`, endpoint, accessKeyId, secretAccessKey };
};

storeContract("A bucket", async () => {
  const s3 = await startS3({ buckets: ["vault"], pageSize: 1 });
  const store = await openStore(optionsFor(s3));
  return {
    store,
    async close() {
      await store.close();
      await s3.close();
    },
  };
});

describe("A vault in a bucket", () => {
  let s3: S3Double;
  let store: Store;
  beforeAll(async () => {
    s3 = await startS3({ buckets: ["vault"] });
    store = await openStore(optionsFor(s3));
  });
  beforeEach(() => void Object.assign(s3.faults, { slowDown: 0, truncate: 0, stall: 0, expired: false, denied: false, full: false }));
  afterAll(async () => {
    await store.close();
    await s3.close();
  });
  const put = async (size: number, key = "tenant/aa/1") => {
    const upload = await store.create(key);
    await upload.write([randomBytes(size)]);
    await upload.commit();
  };

  it("tries again when the server asks to slow down", async () => {
    s3.faults.slowDown = 2;
    await put(10);
    expect(s3.buckets.get("vault")!.size).toBe(1);
  });

  it("keeps no parts of an aborted or failed large upload", async () => {
    const upload = await store.create("tenant/aa/2");
    await upload.write([randomBytes(9 * 2 ** 20)]);
    await upload.write([randomBytes(9 * 2 ** 20)]);
    expect(s3.uploads.size).toBe(1);
    await upload.abort();
    expect(s3.uploads.size).toBe(0);

    const failing = await store.create("tenant/aa/2");
    await failing.write([randomBytes(9 * 2 ** 20)]);
    await failing.write([randomBytes(9 * 2 ** 20)]);
    s3.faults.full = true;
    await expect(failing.commit()).rejects.toMatchObject({ type: "VAULT_FULL", retryable: true });
    expect(s3.uploads.size).toBe(0);
  });

  it.each([
    ["expired credentials", { expired: true }, "VAULT_DENIED"],
    ["a refusal", { denied: true }, "VAULT_DENIED"],
    ["a full bucket", { full: true }, "VAULT_FULL"],
  ])("names %s", async (_, fault, type) => {
    Object.assign(s3.faults, fault);
    await expect(put(10)).rejects.toMatchObject({ type });
  });

  it("names a missing bucket and a wrong secret when it is checked", async () => {
    const elsewhere = await openStore(optionsFor(s3, "nowhere"));
    await expect(elsewhere.check()).rejects.toMatchObject({
      type: "VAULT_OBJECT_MISSING",
      message: expect.stringContaining("nowhere"),
    });
    const wrong = await openStore({ ...optionsFor(s3), secretAccessKey: "wrong" });
    await expect(wrong.check()).rejects.toMatchObject({ type: "VAULT_DENIED" });
  });

  it("says that it can't be reached when nothing answers", async () => {
    const other = await startS3({ buckets: [] });
    await other.close();
    const store = await openStore({ ...optionsFor(s3), endpoint: other.endpoint });
    await expect(store.check()).rejects.toMatchObject({ type: "VAULT_UNREACHABLE", retryable: true });
  });
});
