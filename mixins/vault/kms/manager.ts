import type { Env } from "../../../config/env.ts";
import { errors } from "../../../config/errors.ts";
import type { KeyManager } from "../keys.ts";
import { localKeyRing } from "./local.ts";

export type KeyManagerEnv = Pick<
  Env,
  | "KEY_MANAGER"
  | "MASTER_KEYS"
  | "AWS_KMS_KEY"
  | "AWS_KMS_ENDPOINT"
  | "TRANSIT_URL"
  | "TRANSIT_KEY"
  | "TRANSIT_TOKEN"
  | "TRANSIT_TOKEN_FILE"
  | "TRANSIT_NAMESPACE"
>;

const made = new WeakMap<KeyManagerEnv, KeyManager>();

/**
 * The key manager that the environment names, one for all services of a node. It wraps by that one alone and opens what any of them has wrapped, by the start of the master
 * key's id: so a vault moves from one to another while it is at work.
 */
export function keyManager(env: KeyManagerEnv): KeyManager {
  const manager = made.get(env) ?? choose(env);
  made.set(env, manager);
  return manager;
}

function choose(env: KeyManagerEnv): KeyManager {
  const local = localKeyRing(env.MASTER_KEYS);
  const aws = later(`aws-kms:${env.AWS_KMS_KEY ?? ""}`, async () => {
    const { awsKms } = await import("./aws.ts");
    return awsKms({ key: env.AWS_KMS_KEY ?? "", ...(env.AWS_KMS_ENDPOINT && { endpoint: env.AWS_KMS_ENDPOINT }) });
  });
  const vault = later(`transit:${env.TRANSIT_KEY ?? ""}`, async () => {
    const {
      TRANSIT_URL: url,
      TRANSIT_KEY: key = "",
      TRANSIT_TOKEN: token,
      TRANSIT_TOKEN_FILE: tokenFile,
      TRANSIT_NAMESPACE: namespace,
    } = env;
    if (!url) throw errors.vaultKey("A key is wrapped by Vault Transit, and TRANSIT_URL is not set.");
    const { transit } = await import("./transit.ts");
    return transit({ url, key, ...(token && { token }), ...(tokenFile && { tokenFile }), ...(namespace && { namespace }) });
  });
  const chosen = { local, "aws-kms": aws, "vault-transit": vault }[env.KEY_MANAGER];
  const holderOf = (keyId: string) => (keyId.startsWith("aws-kms:") ? aws : keyId.startsWith("transit:") ? vault : local);
  return {
    current: chosen.current,
    wrap: (key, context) => chosen.wrap(key, context),
    unwrap: (keyId, wrapped, context) => holderOf(keyId).unwrap(keyId, wrapped, context),
  };
}

/** A key manager over the network, loaded when it is first asked. */
function later(current: string, open: () => Promise<KeyManager>): KeyManager {
  let opening: Promise<KeyManager> | undefined;
  const opened = () =>
    (opening ??= Promise.all([open(), import("./remembering.ts")]).then(([manager, { remembering }]) => remembering(manager))).catch(
      (error: unknown) => {
        opening = undefined;
        throw error;
      },
    );
  return {
    current,
    wrap: async (key, context) => (await opened()).wrap(key, context),
    unwrap: async (keyId, wrapped, context) => (await opened()).unwrap(keyId, wrapped, context),
  };
}
