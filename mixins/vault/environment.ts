import type { Env } from "../../config/env.ts";
import { keyManager } from "./kms/manager.ts";
import { openStore, type StoreOptions } from "./store.ts";
import type { Vault } from "./ticket.ts";

/** The storage that the environment names, as plain data for worker threads. */
export const storeOptions = (env: Env): StoreOptions => ({
  url: env.VAULT_URL,
  fsync: env.VAULT_FSYNC,
  region: env.VAULT_S3_REGION,
  ...(env.VAULT_S3_ENDPOINT && { endpoint: env.VAULT_S3_ENDPOINT }),
  ...(env.VAULT_S3_ACCESS_KEY_ID && { accessKeyId: env.VAULT_S3_ACCESS_KEY_ID }),
  ...(env.VAULT_S3_SECRET_ACCESS_KEY && { secretAccessKey: env.VAULT_S3_SECRET_ACCESS_KEY }),
});

/** The storage of the second copy, when there is to be one. */
export const copyOptions = (env: Env): StoreOptions | undefined =>
  env.VAULT_COPY_URL
    ? {
        url: env.VAULT_COPY_URL,
        fsync: env.VAULT_FSYNC,
        region: env.VAULT_COPY_S3_REGION,
        ...(env.VAULT_COPY_S3_ENDPOINT && { endpoint: env.VAULT_COPY_S3_ENDPOINT }),
        ...(env.VAULT_COPY_S3_ACCESS_KEY_ID && { accessKeyId: env.VAULT_COPY_S3_ACCESS_KEY_ID }),
        ...(env.VAULT_COPY_S3_SECRET_ACCESS_KEY && { secretAccessKey: env.VAULT_COPY_S3_SECRET_ACCESS_KEY }),
      }
    : undefined;

/** The vault that the environment names. */
export const openVault = async (env: Env): Promise<Vault> => ({
  keys: keyManager(env),
  store: await openStore(storeOptions(env)),
});
