import type { PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { Database } from "../../../mixins/database.ts";
import type { KeyManager } from "../../../mixins/vault/keys.ts";
import { rewrapTable, type Rewrapped, type RewrapWish } from "../../../mixins/vault/rewrap.ts";

const context = (tenantId: string, accountId: string) => ({ tenantId, purpose: `paypal-secret:${accountId}` });

/** Seals an account's client secret by the current master key. */
export async function sealSecret(keys: KeyManager, tenantId: string, accountId: string, secret: string) {
  const { keyId: masterKeyId, wrapped: sealedSecret } = await keys.wrap(Buffer.from(secret), context(tenantId, accountId));
  return { masterKeyId, sealedSecret };
}

/** @returns null when there is none. @throws VAULT_KEY_UNUSABLE when the key ring can't open it */
export async function openSecret(keys: KeyManager, account: PaypalAccountRow): Promise<string | null> {
  const { id, tenantId, masterKeyId, sealedSecret } = account;
  if (!sealedSecret || !masterKeyId) return null;
  const opened = await keys.unwrap(masterKeyId, Buffer.from(sealedSecret), context(tenantId, id));
  const secret = opened.toString();
  opened.fill(0);
  return secret;
}

/** Seals all organisations' client secrets by the current master key; see `rewrapTable`. */
export const rewrapAccounts = (db: Database, keys: KeyManager, wish?: RewrapWish): Promise<Rewrapped> =>
  rewrapTable(
    db,
    keys,
    {
      table: "payment.paypal_accounts",
      id: "id",
      idType: "uuid",
      wrapped: "sealed_secret",
      tenant: "tenant_id",
      where: "sealed_secret is not null",
      context,
    },
    wish,
  );
