import type { Env } from "../../config/env.ts";
import { localKeyRing } from "../../mixins/vault/keys.ts";
import { openStore } from "../../mixins/vault/store.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";

/** The vault that the environment names, for reading. */
export const openVault = async (env: Env): Promise<Vault> => ({
  keys: localKeyRing(env.MASTER_KEYS),
  store: await openStore({
    url: env.VAULT_URL,
    fsync: env.VAULT_FSYNC,
    region: env.VAULT_S3_REGION,
    ...(env.VAULT_S3_ENDPOINT && { endpoint: env.VAULT_S3_ENDPOINT }),
    ...(env.VAULT_S3_ACCESS_KEY_ID && { accessKeyId: env.VAULT_S3_ACCESS_KEY_ID }),
    ...(env.VAULT_S3_SECRET_ACCESS_KEY && { secretAccessKey: env.VAULT_S3_SECRET_ACCESS_KEY }),
  }),
});
