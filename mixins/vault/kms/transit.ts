import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { Agent, request } from "undici";
import { errors, failureType, isRetryable, messageOf } from "../../../config/errors.ts";
import type { KeyContext, KeyManager } from "../keys.ts";
import { breaker, type BreakerOptions } from "./breaker.ts";

/** What the ids of master keys in Vault Transit begin with; "mount/key name" follows. */
export const transitPrefix = "transit:";

export interface TransitOptions extends BreakerOptions {
  /** Origin of the server. */
  url: string;
  /** "mount/name" of the key that wraps, of an AEAD type (aes256-gcm96 is the server's default). */
  key: string;
  token?: string;
  /** File with the token, read for every call: an agent may renew it. */
  tokenFile?: string;
  namespace?: string;
}

const attempts = 3;

/**
 * Key manager in HashiCorp Vault's Transit engine (1.13 or newer) or OpenBao's. Tenant and purpose are associated data: the server
 * refuses to open a key for another.
 */
export function transit({ url, key, token, tokenFile, namespace, ...limits }: TransitOptions): KeyManager {
  const guard = breaker("Vault Transit", limits);
  const dispatcher = new Agent({ connect: { timeout: 2_000 } });
  const current = transitPrefix + key;

  async function ask<Answer>(verb: "encrypt" | "decrypt", keyId: string, context: KeyContext, body: object): Promise<Answer> {
    const [, mount, name] = /^transit:(.+)\/([^/]+)$/.exec(keyId) ?? [];
    if (!mount || !name) throw errors.vaultKey(`Master key "${keyId}" was expected to be ${transitPrefix}mount/name.`);
    const says = (what: string) => `Vault Transit on master key "${keyId}", for ${context.purpose} of ${context.tenantId}: ${what}`;
    const associated_data = Buffer.from(JSON.stringify(["legendo key", context.tenantId, context.purpose])).toString("base64");
    const headers = {
      "content-type": "application/json",
      "x-vault-request": "true",
      "x-vault-token": tokenFile ? (await readFile(tokenFile, "utf8").catch(noToken)).trim() : (token ?? ""),
      ...(namespace && { "x-vault-namespace": namespace }),
    };
    const path = new URL(`/v1/${mount}/${verb}/${name}`, url).href;
    const once = async (signal: AbortSignal): Promise<Answer> => {
      const sent = { method: "POST", headers, body: JSON.stringify({ ...body, associated_data }), dispatcher, signal } as const;
      const answer = await request(path, sent).catch((cause: unknown) => {
        throw errors.vaultUnreachable(says(messageOf(cause)), undefined, cause);
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw refused(answer.statusCode, text, says);
      return (JSON.parse(text) as { data: Answer }).data;
    };
    return await guard(async (signal) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await once(signal);
        } catch (error) {
          if (!isRetryable(error) || attempt === attempts || signal.aborted) throw error;
          await pause(100 * 4 ** (attempt - 1));
        }
      }
    });
  }

  const decrypt = async (keyId: string, wrapped: Uint8Array, context: KeyContext) => {
    const ciphertext = Buffer.from(wrapped).toString("latin1");
    return Buffer.from((await ask<{ plaintext: string }>("decrypt", keyId, context, { ciphertext })).plaintext, "base64");
  };

  /** A server older than associated data ignores it without a word, and would open any tenant's key for any other. */
  let binds: Promise<void> | undefined;
  const proveThatItBinds = async (wrapped: Buffer, context: KeyContext) => {
    const opened = await decrypt(current, wrapped, { ...context, purpose: `not ${context.purpose}` }).catch((error: unknown) => {
      if (failureType(error) !== "VAULT_KEY_UNUSABLE") throw error;
    });
    if (opened) throw errors.vaultKey("Vault Transit ignores associated data: Vault 1.13 or newer, or OpenBao, is needed.");
  };

  return {
    current,
    async wrap(plain, context) {
      const { ciphertext } = await ask<{ ciphertext: string }>("encrypt", current, context, { plaintext: plain.toString("base64") });
      const wrapped = Buffer.from(ciphertext, "latin1");
      binds ??= proveThatItBinds(wrapped, context);
      await binds.catch((error: unknown) => {
        binds = undefined;
        throw error;
      });
      return { keyId: current, wrapped };
    },
    unwrap: decrypt,
  };
}

const noToken = (cause: unknown): never => {
  throw errors.vaultDenied(`The file with the token for Vault Transit can't be read: ${messageOf(cause)}.`, undefined, cause);
};

/** Some versions answer 500 where a ciphertext does not verify, others 400: the words tell. */
const unverified = /message authentication failed|unable to decrypt/;

function refused(status: number, text: string, says: (what: string) => string): Error {
  const what = says(`${status} ${wordsOf(text)}`);
  if (unverified.test(text)) return errors.vaultKey(what);
  if (status === 403) return errors.vaultDenied(what);
  return status === 400 || status === 404 || status === 405 ? errors.vaultKey(what) : errors.vaultUnreachable(what);
}

/** The server's own sentences; of a proxy's page only its start. */
function wordsOf(text: string): string {
  try {
    return (JSON.parse(text) as { errors: string[] }).errors.join("; ");
  } catch {
    return text.slice(0, 200);
  }
}
