import { createHash, randomBytes } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { keyManagerContract } from "./keys.contract.ts";
import {
  contentId,
  makeDataKey,
  makeTenantKey,
  maskChecksum,
  openDataKey,
  openSmall,
  openTenantKey,
  rewrapDataKey,
  sealSmall,
  unmaskChecksum,
} from "./keys.ts";
import { localKeyRing } from "./kms/local.ts";

const masterKey = (id: string, byte: number) => `${id}:${Buffer.alloc(32, byte).toString("base64")}`;
const ring = localKeyRing(masterKey("now", 1));
const tenant = async (tenantId: string) => openTenantKey(ring, tenantId, await makeTenantKey(ring, tenantId));
const sha256 = createHash("sha256").update("the same bytes").digest();

keyManagerContract("The local key ring", () => Promise.resolve(localKeyRing(masterKey("now", 1))), "lost");

describe("Local key ring", () => {
  it("opens what an older key wrapped, and wraps with the first", async () => {
    const context = { tenantId: "a", purpose: "test" };
    const key = randomBytes(32);
    const { keyId, wrapped } = await localKeyRing(masterKey("old", 7)).wrap(key, context);
    const rotated = localKeyRing(`${masterKey("new", 8)},${masterKey("old", 7)}`);
    expect((await rotated.unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
    expect((await rotated.wrap(key, context)).keyId).toBe("new");
  });

  it.each(["", "short:AAAA", `${masterKey("a", 1)},${masterKey("a", 2)}`])("refuses the ring %j", (keys) => {
    expect(() => localKeyRing(keys)).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
  });
});

describe("Tenant keys", () => {
  it("are the same again when opened from the record", async () => {
    const record = await makeTenantKey(ring, "a");
    const [one, two] = [await openTenantKey(ring, "a", record), await openTenantKey(ring, "a", record)];
    expect(contentId(one, sha256)).toBe(contentId(two, sha256));
  });

  it("can't be opened as another tenant's", async () => {
    await expect(openTenantKey(ring, "b", await makeTenantKey(ring, "a"))).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  });

  it("give equal bytes of two tenants unrelated ids and checksums", async () => {
    const [a, b] = [await tenant("a"), await tenant("b")];
    const [idA, idB] = [contentId(a, sha256), contentId(b, sha256)];
    expect(idA).not.toBe(idB);
    expect(maskChecksum(a, idA, sha256)).not.toBe(maskChecksum(b, idB, sha256));
  });

  it("name and mask contents as the key did that they took over from, after any number of rotations", async () => {
    const first = await tenant("a");
    const id = contentId(first, sha256);
    let last = first;
    for (let rotation = 0; rotation < 3; rotation++) {
      const next = await openTenantKey(ring, "a", await makeTenantKey(ring, "a", last));
      expect(next.keyId).not.toBe(last.keyId);
      expect(contentId(next, sha256)).toBe(id);
      expect(maskChecksum(next, id, sha256)).toBe(maskChecksum(first, id, sha256));
      last = next;
    }
    expect(() => openSmall(last, "thumbnail", sealSmall(first, "thumbnail", sha256))).toThrow();
  });

  it("do not open with an identity of another tenant or key beside them", async () => {
    const [mine, theirs] = [await makeTenantKey(ring, "a", await tenant("a")), await makeTenantKey(ring, "a", await tenant("b"))];
    const forged = { ...mine, sealedIdentity: theirs.sealedIdentity! };
    await expect(openTenantKey(ring, "a", forged)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  });

  it("move a pack's data key from one to the other without changing it", async () => {
    const old = await tenant("a");
    const next = await openTenantKey(ring, "a", await makeTenantKey(ring, "a", old));
    const { dataKey, wrapped } = makeDataKey(old, "pack-1");
    const again = rewrapDataKey(old, next, "pack-1", wrapped);
    expect(openDataKey(next, "pack-1", again).equals(dataKey)).toBe(true);
    expect(() => openDataKey(old, "pack-1", again)).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
    expect(() => rewrapDataKey(next, old, "pack-1", wrapped)).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
  });

  it("unmask the checksum that they masked", async () => {
    const keys = await tenant("a");
    const id = contentId(keys, sha256);
    const masked = maskChecksum(keys, id, sha256);
    expect(masked).not.toBe(sha256.toString("hex"));
    expect(unmaskChecksum(keys, id, Buffer.from(masked, "hex"))).toBe(sha256.toString("hex"));
  });

  it("open the data key of a pack for that pack and that tenant only", async () => {
    const [a, b] = [await tenant("a"), await tenant("b")];
    const { dataKey, wrapped } = makeDataKey(a, "pack-1");
    expect(openDataKey(a, "pack-1", wrapped).equals(dataKey)).toBe(true);
    expect(() => openDataKey(a, "pack-2", wrapped)).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
    expect(() => openDataKey(b, "pack-1", wrapped)).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
  });

  it("seal small secrets for one purpose", async () => {
    const [a, b] = [await tenant("a"), await tenant("b")];
    const sealed = sealSmall(a, "thumbnail", Buffer.from("pixels"));
    expect(openSmall(a, "thumbnail", sealed).toString()).toBe("pixels");
    expect(openSmall(a, "thumbnail", sealSmall(a, "thumbnail", Buffer.alloc(0)))).toHaveLength(0);
    for (const open of [
      () => openSmall(a, "credential", sealed),
      () => openSmall(b, "thumbnail", sealed),
      () => openSmall(a, "thumbnail", sealed.subarray(1)),
    ]) {
      expect(open).toThrow(expect.objectContaining({ type: "VAULT_KEY_UNUSABLE" }));
    }
  });
});
