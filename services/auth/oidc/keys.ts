import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { rows, type Database, type Em } from "../../../mixins/database.ts";
import type { KeyContext, KeyManager } from "../../../mixins/vault/keys.ts";
import { rewrapTable, type Rewrapped, type RewrapWish } from "../../../mixins/vault/rewrap.ts";

/**
 * The key pairs that sign ID tokens: RS256, which OpenID Connect Core 1.0, 15.1, asks every provider for. A new one is made every month and
 * published for a day before it signs; those that have signed stay published for a month more.
 */
const signsAfter = "1 day";
const renewAfter = "30 days";
const forgetAfter = "61 days";

export type PrivateKey = JWK & { kid: string };

interface Stored {
  kid: string;
  public_jwk: PrivateKey;
  master_key_id: string;
  sealed: Buffer;
}

const contextOf = (kid: string): KeyContext => ({ tenantId: "cluster", purpose: `oidc key:${kid}` });

/** All keys in use with their private halves, the one that signs first. Makes the first one, and the next when it is time. */
export async function oidcKeys(db: Database, ring: KeyManager): Promise<PrivateKey[]> {
  const stored = await db.system(async (em) => {
    if (await isDue(em)) await renew(em, ring);
    return await rows<Stored>(
      em,
      `select kid, public_jwk, master_key_id, sealed_private_members as sealed from auth.oidc_keys
       order by (created_at <= now() - interval '${signsAfter}' or not exists (select 1 from auth.oidc_keys o where o.created_at < oidc_keys.created_at)) desc,
                created_at desc`,
    );
  });
  return await Promise.all(
    stored.map(async ({ kid, public_jwk, master_key_id, sealed }) => {
      const members = JSON.parse((await ring.unwrap(master_key_id, sealed, contextOf(kid))).toString()) as JWK;
      return { ...public_jwk, ...members };
    }),
  );
}

const sealedKeys = {
  table: "auth.oidc_keys",
  id: "kid",
  idType: "text",
  wrapped: "sealed_private_members",
  tenant: "null",
  context: (_tenantId: string, kid: string) => contextOf(kid),
} as const;

/** Wraps the private halves by the current master key; see `rewrapTable`. */
export const rewrapOidcKeys = (db: Database, ring: KeyManager, wish?: RewrapWish): Promise<Rewrapped> =>
  rewrapTable(db, ring, sealedKeys, wish);

const isDue = async (em: Em): Promise<boolean> => {
  const [newest] = await rows<{ due: boolean }>(
    em,
    `select coalesce(max(created_at) < now() - interval '${renewAfter}', true) as due from auth.oidc_keys`,
  );
  return newest!.due;
};

async function renew(em: Em, ring: KeyManager): Promise<void> {
  await em.execute(`select pg_advisory_xact_lock(hashtext('legendo oidc keys'))`);
  if (!(await isDue(em))) return;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true, modulusLength: 2048 });
  const { d, p, q, dp, dq, qi, ...half } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(half);
  const secret = Buffer.from(JSON.stringify({ d, p, q, dp, dq, qi }));
  const { keyId, wrapped } = await ring.wrap(secret, contextOf(kid));
  secret.fill(0);
  await em.execute(
    `insert into auth.oidc_keys (kid, public_jwk, master_key_id, sealed_private_members) values (?, ?::jsonb, ?, ?)`,
    [kid, JSON.stringify({ ...half, kid, alg: "RS256", use: "sig" }), keyId, wrapped],
    "run",
  );
  await em.execute(`delete from auth.oidc_keys where created_at < now() - interval '${forgetAfter}'`, [], "run");
}
