import { randomBytes } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { KeyManager } from "./keys.ts";

/**
 * What every key manager has to do: the local ring, AWS KMS, Vault Transit.
 * @param lost id of its own form of a master key that it does not have
 */
export function keyManagerContract(name: string, open: () => Promise<KeyManager>, lost: string): void {
  describe(`${name} as a key manager`, () => {
    const context = { tenantId: "tenant-a", purpose: "tenant-key:1" };

    it("unwraps what it wrapped, by the master key that it says is current", async () => {
      const keys = await open();
      const key = randomBytes(32);
      const { keyId, wrapped } = await keys.wrap(key, context);
      expect(keyId).toBe(keys.current);
      expect((await keys.unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
    });

    it("never shows the key in what it wrapped, and wraps the same key differently each time", async () => {
      const keys = await open();
      const key = randomBytes(32);
      const [one, two] = await Promise.all([keys.wrap(key, context), keys.wrap(key, context)]);
      expect(one.wrapped.includes(key)).toBe(false);
      expect(one.wrapped.equals(two.wrapped)).toBe(false);
    });

    it.each([
      ["another tenant", { ...context, tenantId: "tenant-b" }],
      ["another purpose", { ...context, purpose: "tenant-key:2" }],
    ])("refuses to unwrap for %s", async (_, other) => {
      const keys = await open();
      const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
      await expect(keys.unwrap(keyId, wrapped, other)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE", retryable: false });
    });

    it("refuses altered and cut bytes", async () => {
      const keys = await open();
      const { keyId, wrapped } = await keys.wrap(randomBytes(32), context);
      const altered = Buffer.from(wrapped);
      altered[altered.length - 1]! ^= 1;
      for (const bytes of [altered, wrapped.subarray(0, 5), Buffer.alloc(0)]) {
        await expect(keys.unwrap(keyId, bytes, context)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
      }
    });

    it.each([lost, "an id of no form"])("names a master key that it does not have: %s", async (id) => {
      const keys = await open();
      const { wrapped } = await keys.wrap(randomBytes(32), context);
      await expect(keys.unwrap(id, wrapped, context)).rejects.toMatchObject({
        type: "VAULT_KEY_UNUSABLE",
        message: expect.stringContaining(id),
      });
    });

    it("hands out keys that the caller may clear", async () => {
      const keys = await open();
      const key = randomBytes(32);
      const { keyId, wrapped } = await keys.wrap(key, context);
      (await keys.unwrap(keyId, wrapped, context)).fill(0);
      expect((await keys.unwrap(keyId, wrapped, context)).equals(key)).toBe(true);
    });
  });
}
