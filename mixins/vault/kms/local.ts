import { createSecretKey, type KeyObject } from "node:crypto";
import { errors } from "../../../config/errors.ts";
import { box, unbox } from "../box.ts";
import type { KeyContext, KeyManager } from "../keys.ts";

/**
 * Key manager over MASTER_KEYS.
 * @param masterKeys "id:base64 of 32 bytes", comma-separated: the first wraps, all unwrap, so a key is retired by putting a new one before it.
 * @throws VAULT_KEY_UNUSABLE for a ring that is not of that form
 */
export function localKeyRing(masterKeys: string): KeyManager {
  const ring = new Map<string, KeyObject>();
  for (const item of masterKeys.split(",")) {
    const [id = "", encoded = ""] = item.trim().split(":");
    const key = Buffer.from(encoded, "base64");
    if (!id || key.length !== 32) throw errors.vaultKey(`Master key "${id}" must be "id:base64 of 32 bytes"; it has ${key.length} bytes.`);
    if (ring.has(id)) throw errors.vaultKey(`Master key "${id}" stands twice in the key ring.`);
    ring.set(id, createSecretKey(key));
  }
  const [[current, first]] = [...ring] as [[string, KeyObject]];
  const bound = (keyId: string, context: KeyContext) => JSON.stringify(["legendo key", keyId, context.tenantId, context.purpose]);
  return {
    current,
    wrap(key, context) {
      return Promise.resolve({ keyId: current, wrapped: box(first, bound(current, context), key) });
    },
    unwrap(keyId, wrapped, context) {
      const master = ring.get(keyId);
      if (!master) {
        return Promise.reject(errors.vaultKey(`Master key "${keyId}" is not in the key ring, which has ${[...ring.keys()].join(", ")}.`));
      }
      return new Promise((resolve) => resolve(unbox(master, bound(keyId, context), wrapped, `The key wrapped by master key "${keyId}"`)));
    },
  };
}
