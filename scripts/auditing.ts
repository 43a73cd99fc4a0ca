import { connect } from "nats";
import type pg from "pg";
import { env } from "../config/env.ts";
import { natsOptions } from "../config/nats.ts";
import { storeOptions } from "../mixins/vault/environment.ts";
import { keyManager } from "../mixins/vault/kms/manager.ts";
import { openStore } from "../mixins/vault/store.ts";
import { checkCheckpoints, type CheckpointFault, type Place } from "../services/auth/audit/checked.ts";
import { auditKeyContext, auditKeys, type AuditKeys } from "../services/auth/audit/keys.ts";
import { readStore, readStream } from "../services/auth/audit/outlets.ts";
import { linesOfMonths } from "./archiving.ts";
import { verifyLog, type Verification } from "../services/auth/audit/verification.ts";

export interface Verified {
  checkpoints: { count: number; faults: CheckpointFault[] };
  log: Verification;
}

/**
 * Verifies the audit log of the cluster that the environment describes: keys, places of checkpoints, namespace.
 * @param from where archived months lie as files (`npm run archive`), and whether NATS is asked for its checkpoints too
 */
export async function verifyCluster(
  admin: pg.Client,
  from: { archives?: string | undefined; stream: boolean },
  progress: (done: number, of: number) => void,
): Promise<Verified> {
  const keys = await keysOf(admin);
  const cluster = env.LEGENDO_NAMESPACE;
  const places = await placesOf(cluster, from.stream);
  const { rows } = await admin.query<{ last: number }>(
    "select coalesce(max(number), 0)::float8 as last from auth.audit_checkpoints where published_at is not null",
  );
  const { covering, ...checkpoints } = checkCheckpoints(keys, cluster, places, rows[0]?.last ?? 0);
  const log = await verifyLog(
    admin,
    keys,
    covering,
    from.archives === undefined ? undefined : linesOfMonths(from.archives, "auth", "audit"),
    progress,
  );
  return { checkpoints, log };
}

async function keysOf(admin: pg.Client): Promise<AuditKeys> {
  const { rows } = await admin.query<{ master_key_id: string; sealed_key: Buffer }>(
    "select master_key_id, sealed_key from auth.audit_keys",
  );
  const [sealed] = rows;
  if (!sealed) throw new Error("auth.audit_keys is empty: no node has kept an audit log here yet, or its key was deleted.");
  return auditKeys(await keyManager(env).unwrap(sealed.master_key_id, sealed.sealed_key, auditKeyContext));
}

async function placesOf(cluster: string, stream: boolean): Promise<Place[]> {
  const store = await openStore({ ...storeOptions(env), url: env.AUDIT_CHECKPOINTS_URL });
  const places: Place[] = [];
  try {
    places.push({ name: env.AUDIT_CHECKPOINTS_URL, found: await readStore(store, cluster), bounded: false });
  } finally {
    await store.close();
  }
  if (!stream) return places;
  const connection = await connect(natsOptions(env, "audit verify"));
  try {
    places.push({ name: "NATS", found: await readStream(connection, cluster), bounded: true });
  } finally {
    await connection.close();
  }
  return places;
}
