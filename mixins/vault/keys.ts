import { createHmac, createSecretKey, hkdfSync, randomBytes, randomUUID, type KeyObject } from "node:crypto";
import { errors } from "../../config/errors.ts";
import { box, unbox } from "./box.ts";

/** What a key is wrapped for. It is authenticated with the key: unwrapping under another context is refused. */
export interface KeyContext {
  tenantId: string;
  purpose: string;
}

/** The narrow door to whatever holds the master keys (kms/): the local ring, AWS KMS, Vault Transit. */
export interface KeyManager {
  /** Id of the master key that wraps. */
  readonly current: string;
  /** Wraps a key of a few dozen bytes with the current master key. @throws VAULT_UNREACHABLE, VAULT_DENIED */
  wrap(key: Buffer, context: KeyContext): Promise<{ keyId: string; wrapped: Buffer }>;
  /**
   * @returns bytes that are the caller's to clear
   * @throws VAULT_KEY_UNUSABLE when the master key is unknown or disabled, the context differs or the bytes were altered;
   * VAULT_UNREACHABLE, VAULT_DENIED where it is asked over the network
   */
  unwrap(keyId: string, wrapped: Buffer, context: KeyContext): Promise<Buffer>;
}

/** A wrapped tenant key, as tickets carry it. `keyId` names the tenant key, `masterKeyId` the key that wraps it. */
export interface WrappedKey {
  keyId: string;
  masterKeyId: string;
  wrapped: Buffer;
}

/** A tenant's key as the database keeps it. */
export interface TenantKeyRecord extends WrappedKey {
  /**
   * Content and mask key, sealed under this key: they outlive rotations, or every content would get another id. Null: they come of this key
   * itself, the tenant's first.
   */
  sealedIdentity: Buffer | null;
}

/**
 * What a tenant key opens and seals by, each for one use. KeyObjects, since these cross threads by structured clone and spare the 11 µs that
 * importing a raw key costs every cipher and HMAC.
 */
export interface SealingKeys {
  tenantId: string;
  keyId: string;
  wrap: KeyObject;
  small: KeyObject;
}

/** All keys that a tenant key stands for: with it contents can be named, too. */
export interface TenantKeys extends SealingKeys {
  content: KeyObject;
  mask: KeyObject;
}

/** What a tenant key is wrapped for. */
export const tenantKeyContext = (tenantId: string, keyId: string): KeyContext => ({ tenantId, purpose: `tenant-key:${keyId}` });

const derived = (tenantKey: Uint8Array, use: string) =>
  createSecretKey(Buffer.from(hkdfSync("sha256", tenantKey, "", `legendo ${use} v1`, 32)));
const identityContext = (tenantId: string, keyId: string) => JSON.stringify(["identity", tenantId, keyId]);

/** Makes a tenant's key, wrapped for storing. @param heirTo the key that it takes over from; contents keep the ids that this one gave them */
export async function makeTenantKey(keys: KeyManager, tenantId: string, heirTo?: TenantKeys): Promise<TenantKeyRecord> {
  const keyId = randomUUID();
  const tenantKey = randomBytes(32);
  const { keyId: masterKeyId, wrapped } = await keys.wrap(tenantKey, tenantKeyContext(tenantId, keyId));
  const identity = heirTo && Buffer.concat([heirTo.content.export(), heirTo.mask.export()]);
  const sealedIdentity = identity ? box(derived(tenantKey, "identity"), identityContext(tenantId, keyId), identity) : null;
  identity?.fill(0);
  tenantKey.fill(0);
  return { keyId, masterKeyId, wrapped, sealedIdentity };
}

/** Unwraps a tenant key and derives its working keys; from a ticket's only those that open and seal. @throws as `KeyManager.unwrap` */
export async function openTenantKey(keys: KeyManager, tenantId: string, record: TenantKeyRecord): Promise<TenantKeys>;
export async function openTenantKey(keys: KeyManager, tenantId: string, record: WrappedKey): Promise<SealingKeys>;
export async function openTenantKey(keys: KeyManager, tenantId: string, record: WrappedKey | TenantKeyRecord): Promise<SealingKeys> {
  const { keyId, masterKeyId, wrapped } = record;
  const tenantKey = await keys.unwrap(masterKeyId, wrapped, tenantKeyContext(tenantId, keyId));
  const identity = "sealedIdentity" in record ? identityOf(tenantKey, tenantId, record) : {};
  const own = { wrap: derived(tenantKey, "data key"), small: derived(tenantKey, "small secret") };
  tenantKey.fill(0);
  return { tenantId, keyId, ...identity, ...own };
}

function identityOf(tenantKey: Buffer, tenantId: string, { keyId, sealedIdentity }: TenantKeyRecord): Pick<TenantKeys, "content" | "mask"> {
  if (!sealedIdentity) return { content: derived(tenantKey, "content id"), mask: derived(tenantKey, "checksum mask") };
  const bound = identityContext(tenantId, keyId);
  const identity = unbox(derived(tenantKey, "identity"), bound, sealedIdentity, `The identity under tenant key ${keyId}`);
  const keys = { content: createSecretKey(identity.subarray(0, 32)), mask: createSecretKey(identity.subarray(32)) };
  identity.fill(0);
  return keys;
}

/**
 * Names content inside a tenant: HMAC of its SHA-256, so equal bytes of two tenants have unrelated ids. Hexadecimal, as what follows: a digest
 * that is a Buffer lies outside the heap, and thousands of them a second keep the collector busy.
 */
export const contentId = (keys: TenantKeys, sha256: Uint8Array): string => createHmac("sha256", keys.content).update(sha256).digest("hex");

/** The SHA-256 as the catalogue may store it: readable with the tenant's key alone. `unmaskChecksum` undoes it. */
export function maskChecksum(keys: TenantKeys, id: string, sha256: Uint8Array): string {
  const mask = createHmac("sha256", keys.mask).update(id, "hex").digest();
  for (let i = 0; i < mask.length; i++) mask[i]! ^= sha256[i]!;
  return mask.toString("hex");
}

/** XOR is its own inverse. */
export const unmaskChecksum: (keys: TenantKeys, id: string, masked: Uint8Array) => string = maskChecksum;

/** Makes the data key of one pack: to seal with, and wrapped for the catalogue. */
export function makeDataKey(keys: SealingKeys, packId: string): { dataKey: KeyObject; wrapped: Buffer } {
  const raw = randomBytes(32);
  const wrapped = box(keys.wrap, dataContext(keys, packId), raw);
  const dataKey = createSecretKey(raw);
  raw.fill(0);
  return { dataKey, wrapped };
}

/** @throws VAULT_KEY_UNUSABLE when the wrapped key belongs to another tenant, key or pack. */
export function openDataKey(keys: SealingKeys, packId: string, wrapped: Uint8Array): KeyObject {
  const raw = rawDataKey(keys, packId, wrapped);
  const dataKey = createSecretKey(raw);
  raw.fill(0);
  return dataKey;
}

/** A pack's data key under another of the tenant's keys. @throws as `openDataKey` */
export function rewrapDataKey(from: SealingKeys, to: SealingKeys, packId: string, wrapped: Uint8Array): Buffer {
  const raw = rawDataKey(from, packId, wrapped);
  const again = box(to.wrap, dataContext(to, packId), raw);
  raw.fill(0);
  return again;
}

const rawDataKey = (keys: SealingKeys, packId: string, wrapped: Uint8Array) =>
  unbox(keys.wrap, dataContext(keys, packId), wrapped, `The data key of pack ${packId}`);

const dataContext = (keys: SealingKeys, packId: string) => JSON.stringify(["data key", keys.tenantId, keys.keyId, packId]);

/** Seals something small (a credential, a thumbnail) under the tenant's key. Adds 28 bytes. */
export const sealSmall = (keys: SealingKeys, purpose: string, bytes: Uint8Array): Buffer =>
  box(keys.small, smallContext(keys, purpose), bytes);

/** @throws VAULT_KEY_UNUSABLE when tenant, key, purpose or bytes are not those of sealing. */
export const openSmall = (keys: SealingKeys, purpose: string, sealed: Uint8Array): Buffer =>
  unbox(keys.small, smallContext(keys, purpose), sealed, `What was sealed for "${purpose}"`);

/** Opens by whichever of a tenant's keys has sealed: the bytes do not say. @throws VAULT_KEY_UNUSABLE when none of them has */
export function openSmallByAny(keys: readonly SealingKeys[], purpose: string, sealed: Uint8Array): { bytes: Buffer; by: SealingKeys } {
  let failure: unknown = errors.vaultKey(`There is no key that could open what was sealed for "${purpose}".`);
  for (const by of keys) {
    try {
      return { bytes: openSmall(by, purpose, sealed), by };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** The same under the first of a tenant's keys; undefined when it is already, or when none of them opens it. */
export function resealSmall(keys: readonly [SealingKeys, ...SealingKeys[]], purpose: string, sealed: Uint8Array): Buffer | undefined {
  try {
    const { bytes, by } = openSmallByAny(keys, purpose, sealed);
    const again = by === keys[0] ? undefined : sealSmall(keys[0], purpose, bytes);
    bytes.fill(0);
    return again;
  } catch {
    return undefined;
  }
}

const smallContext = (keys: SealingKeys, purpose: string) => JSON.stringify(["small", keys.tenantId, keys.keyId, purpose]);
