import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  randomUUID,
  type KeyObject,
} from "node:crypto";
import { errors } from "../../config/errors.ts";

/** What a key is wrapped for. It is authenticated with the key: unwrapping under another context is refused. */
export interface KeyContext {
  tenantId: string;
  purpose: string;
}

/** The narrow door to whatever holds the master keys: the local ring here, AWS KMS or Vault Transit elsewhere. */
export interface KeyManager {
  /** Wraps 32 bytes with the current master key. */
  wrap(key: Buffer, context: KeyContext): Promise<{ keyId: string; wrapped: Buffer }>;
  /** @throws VAULT_KEY_UNUSABLE when the master key is unknown, the context differs or the bytes were altered. */
  unwrap(keyId: string, wrapped: Buffer, context: KeyContext): Promise<Buffer>;
}

/** A tenant's key as the database keeps it. `keyId` names the tenant key, `masterKeyId` the key that wraps it. */
export interface TenantKeyRecord {
  keyId: string;
  masterKeyId: string;
  wrapped: Buffer;
}

/**
 * The keys that one tenant key stands for, each for one use. KeyObjects, since these cross threads by structured clone
 * and spare the 11 µs that importing a raw key costs every cipher and HMAC.
 */
export interface TenantKeys {
  tenantId: string;
  keyId: string;
  content: KeyObject;
  mask: KeyObject;
  wrap: KeyObject;
  small: KeyObject;
}

const NONCE = 12;
const TAG = 16;

function seal(key: KeyObject, aad: string, bytes: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(aad));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function open(key: KeyObject, aad: string, sealed: Uint8Array, what: string): Buffer {
  if (sealed.length < NONCE + TAG) throw errors.vaultKey(`${what} has ${sealed.length} bytes; at least ${NONCE + TAG} were expected.`);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE), { authTagLength: TAG }).setAAD(Buffer.from(aad));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, sealed.length - TAG)), decipher.final()]);
  } catch (cause) {
    throw errors.vaultKey(`${what} does not open with this key: another key or context sealed it, or it was altered.`, undefined, cause);
  }
}

/**
 * Key manager over MASTER_KEYS.
 * @param masterKeys "id:base64 of 32 bytes", comma-separated: the first wraps, all unwrap, so a key is retired by putting a new one before it.
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
  const [current] = ring.keys();
  const aad = (keyId: string, context: KeyContext) => JSON.stringify(["legendo key", keyId, context.tenantId, context.purpose]);
  return {
    wrap(key, context) {
      return Promise.resolve({ keyId: current!, wrapped: seal(ring.get(current!)!, aad(current!, context), key) });
    },
    unwrap(keyId, wrapped, context) {
      const master = ring.get(keyId);
      if (!master) {
        return Promise.reject(errors.vaultKey(`Master key "${keyId}" is not in the key ring, which has ${[...ring.keys()].join(", ")}.`));
      }
      return new Promise((resolve) => resolve(open(master, aad(keyId, context), wrapped, `The key wrapped by master key "${keyId}"`)));
    },
  };
}

const tenantContext = (tenantId: string, keyId: string): KeyContext => ({ tenantId, purpose: `tenant-key:${keyId}` });

/** Makes a tenant's first or next key, wrapped for storing. */
export async function makeTenantKey(keys: KeyManager, tenantId: string): Promise<TenantKeyRecord> {
  const keyId = randomUUID();
  const { keyId: masterKeyId, wrapped } = await keys.wrap(randomBytes(32), tenantContext(tenantId, keyId));
  return { keyId, masterKeyId, wrapped };
}

/** Unwraps a stored tenant key and derives its working keys. */
export async function openTenantKey(keys: KeyManager, tenantId: string, record: TenantKeyRecord): Promise<TenantKeys> {
  const tenantKey = await keys.unwrap(record.masterKeyId, record.wrapped, tenantContext(tenantId, record.keyId));
  const derive = (use: string) => createSecretKey(Buffer.from(hkdfSync("sha256", tenantKey, "", `legendo ${use} v1`, 32)));
  const working = { content: derive("content id"), mask: derive("checksum mask"), wrap: derive("data key"), small: derive("small secret") };
  tenantKey.fill(0);
  return { tenantId, keyId: record.keyId, ...working };
}

/** Names content inside a tenant: HMAC of its SHA-256, so equal bytes of two tenants have unrelated ids. 32 bytes. */
export const contentId = (keys: TenantKeys, sha256: Uint8Array): Buffer => createHmac("sha256", keys.content).update(sha256).digest();

/** The SHA-256 as the catalogue may store it: readable with the tenant's key alone. `unmaskChecksum` undoes it. */
export function maskChecksum(keys: TenantKeys, id: Uint8Array, sha256: Uint8Array): Buffer {
  const mask = createHmac("sha256", keys.mask).update(id).digest();
  for (let i = 0; i < mask.length; i++) mask[i]! ^= sha256[i]!;
  return mask;
}

/** XOR is its own inverse. */
export const unmaskChecksum: (keys: TenantKeys, id: Uint8Array, masked: Uint8Array) => Buffer = maskChecksum;

/** Makes the data key of one pack: to seal with, and wrapped for the catalogue. */
export function makeDataKey(keys: TenantKeys, packId: string): { dataKey: KeyObject; wrapped: Buffer } {
  const raw = randomBytes(32);
  const wrapped = seal(keys.wrap, dataContext(keys, packId), raw);
  const dataKey = createSecretKey(raw);
  raw.fill(0);
  return { dataKey, wrapped };
}

/** @throws VAULT_KEY_UNUSABLE when the wrapped key belongs to another tenant, key or pack. */
export const openDataKey = (keys: TenantKeys, packId: string, wrapped: Uint8Array): KeyObject =>
  createSecretKey(open(keys.wrap, dataContext(keys, packId), wrapped, `The data key of pack ${packId}`));

const dataContext = (keys: TenantKeys, packId: string) => JSON.stringify(["data key", keys.tenantId, keys.keyId, packId]);

/** Seals something small (a credential, a thumbnail) under the tenant's key. Adds 28 bytes. */
export const sealSmall = (keys: TenantKeys, purpose: string, bytes: Uint8Array): Buffer =>
  seal(keys.small, smallContext(keys, purpose), bytes);

/** @throws VAULT_KEY_UNUSABLE when tenant, key, purpose or bytes are not those of sealing. */
export const openSmall = (keys: TenantKeys, purpose: string, sealed: Uint8Array): Buffer =>
  open(keys.small, smallContext(keys, purpose), sealed, `What was sealed for "${purpose}"`);

const smallContext = (keys: TenantKeys, purpose: string) => JSON.stringify(["small", keys.tenantId, keys.keyId, purpose]);
