import { createPrivateKey, createPublicKey, createSecretKey, hkdfSync, randomBytes, sign, verify, type KeyObject } from "node:crypto";
import type { Database } from "../../../mixins/database.ts";
import { row } from "../../../mixins/database.ts";
import type { KeyContext, KeyManager } from "../../../mixins/vault/keys.ts";

/**
 * What the log is kept by, all of it derived from one secret that a master key wraps: a key for each tenant's chain, and the pair that signs
 * checkpoints. The pair is not one of those that sign tokens: these are retired and may be forgotten, a checkpoint has to be believed years later.
 */
export interface AuditKeys {
  chainOf(tenantId: string): KeyObject;
  /** Ed25519, base64url. */
  sign(text: string): string;
  verify(text: string, signature: string): boolean;
  /** Raw public key, base64url. */
  publicKey: string;
}

/** The one row of auth.audit_keys. */
const keyId = "audit";
export const auditKeyContext: KeyContext = { tenantId: "cluster", purpose: `audit key:${keyId}` };

export const auditKeyTable = {
  table: "auth.audit_keys",
  id: "id",
  idType: "text",
  wrapped: "sealed_key",
  tenant: "null",
  context: () => auditKeyContext,
} as const;

/** Opens the cluster's audit secret; the first node makes it. @throws VAULT_KEY_UNUSABLE */
export async function openAuditKeys(db: Database, ring: KeyManager): Promise<AuditKeys> {
  const found = (await stored(db)) ?? (await make(db, ring));
  const secret = await ring.unwrap(found.master_key_id, found.sealed_key, auditKeyContext);
  const keys = auditKeys(secret);
  secret.fill(0);
  return keys;
}

const stored = (db: Database) =>
  db.system((em) =>
    row<{ master_key_id: string; sealed_key: Buffer }>(em, `select master_key_id, sealed_key from auth.audit_keys where id = ?`, [keyId]),
  );

async function make(db: Database, ring: KeyManager) {
  const secret = randomBytes(32);
  const { keyId: master, wrapped } = await ring.wrap(secret, auditKeyContext);
  secret.fill(0);
  // Nodes that start at once: the first row stays.
  await db.system((em) =>
    em.execute(
      `insert into auth.audit_keys (id, master_key_id, sealed_key) values (?, ?, ?) on conflict do nothing`,
      [keyId, master, wrapped],
      "run",
    ),
  );
  return (await stored(db))!;
}

/** PKCS #8 of an Ed25519 key up to its 32 bytes (RFC 8410, section 7). */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");

export function auditKeys(secret: Uint8Array): AuditKeys {
  const derived = (use: string) => Buffer.from(hkdfSync("sha256", secret, "", `legendo audit ${use} v1`, 32));
  const pair = createPrivateKey({ key: Buffer.concat([pkcs8, derived("checkpoints")]), format: "der", type: "pkcs8" });
  const publicKey = createPublicKey(pair);
  const chains = derived("chains");
  return {
    chainOf: (tenantId) => createSecretKey(Buffer.from(hkdfSync("sha256", chains, "", tenantId, 32))),
    sign: (text) => sign(null, Buffer.from(text), pair).toString("base64url"),
    verify: (text, signature) => verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64url")),
    publicKey: publicKey.export({ format: "jwk" }).x!,
  };
}
