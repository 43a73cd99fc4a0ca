import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { isRetryable } from "../../../config/errors.ts";
import type { KeyManager } from "../keys.ts";

export interface MemoryLimits {
  /** How long an unwrapped key is used without asking again, milliseconds: a key that is disabled there ends here after this. */
  freshMs?: number;
  /** How long it is used while the key manager can't be reached, milliseconds. */
  staleMs?: number;
  keys?: number;
}

/** A key manager over the network whose unwrapped keys are kept in memory: asked once per key and while, and its outages do not stop reading. */
export function remembering(manager: KeyManager, limits: MemoryLimits = {}): KeyManager {
  const { freshMs = 5 * 60_000, staleMs = 60 * 60_000, keys = 1_000 } = limits;
  const known = new LRUCache<string, { key: Buffer; at: number }>({ max: keys, dispose: ({ key }) => key.fill(0) });
  const asked = new Map<string, Promise<Buffer>>();

  async function ask(name: string, ...of: Parameters<KeyManager["unwrap"]>): Promise<Buffer> {
    try {
      const key = await manager.unwrap(...of);
      // What is remembered is cleared when it is forgotten, what is handed out is not.
      known.set(name, { key: Buffer.from(key), at: Date.now() });
      return key;
    } catch (error) {
      const old = known.get(name);
      if (old && isRetryable(error) && Date.now() - old.at < staleMs) return Buffer.from(old.key);
      known.delete(name);
      throw error;
    } finally {
      asked.delete(name);
    }
  }

  return {
    current: manager.current,
    wrap: (key, context) => manager.wrap(key, context),
    async unwrap(keyId, wrapped, context) {
      const name = createHash("sha256")
        .update(JSON.stringify([keyId, context.tenantId, context.purpose]))
        .update(wrapped)
        .digest("base64");
      const found = known.get(name);
      // Callers clear what they get, so each gets a copy.
      if (found && Date.now() - found.at < freshMs) return Buffer.from(found.key);
      const asking = asked.get(name) ?? ask(name, keyId, wrapped, context);
      asked.set(name, asking);
      return Buffer.from(await asking);
    },
  };
}
