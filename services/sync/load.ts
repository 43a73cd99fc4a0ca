import type { JobKind } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import type { Lease } from "../../mixins/actor.ts";
import { row, type Database, type Em } from "../../mixins/database.ts";
import type { StoreOptions } from "../../mixins/vault/store.ts";
import { merged, type JobOptions } from "./options.ts";
import { credentialsPurpose, sourcePurpose, unsealed, type Places } from "./sealedplaces.ts";
import type { Budgets, Pace } from "./sources/limits.ts";
import type { Spec } from "./sources/source.ts";
import type { TenantKeyring } from "./tenantkey.ts";
import type { Threads } from "./threads.ts";

/** What a node lends to the jobs it runs. */
export interface Workshop {
  database: Database;
  threads: Threads;
  keyring: TenantKeyring;
  store: StoreOptions;
  /** Where a second copy of every sealed object is kept. */
  copy?: StoreOptions;
  /** Batches of one job that are under way at the same time. */
  window: number;
  /** What this node has used of the limits of places. */
  budgets: Budgets;
}

/** A job as its run needs it. */
export interface Job extends Places {
  id: string;
  tenantId: string;
  kind: JobKind;
  /** Empty for work on the vault itself. */
  sourceId: string;
  /** Empty but for a mirror or restore. */
  targetId: string;
  mode: "incremental" | "full";
  /** The job's own with the source's settings below them. */
  options: JobOptions & Record<string, unknown>;
  planned: boolean;
  /** Its plan waited for approval and got it: it is carried out as it stands. */
  approved: boolean;
  retryOf: string | null;
  checkpoint: unknown;
}

/** How fast a job may read its source, where its options or its source's settings limit that. */
export function paceOf({ budgets }: Workshop, job: Job): Pace | undefined {
  const { bytesPerSecond, requestsPerSecond } = job.options.limits ?? {};
  if (!bytesPerSecond && !requestsPerSecond) return undefined;
  const limits = { ...(bytesPerSecond && { bytesPerSecond }), ...(requestsPerSecond && { requestsPerSecond }) };
  return { limits, budget: budgets.of(job.sourceId) };
}

/** What ends a job, in the transaction that takes its letter out of the mailbox. */
export type Effect = (em: Em) => Promise<void>;

/**
 * A job of one kind from where it stands to its end; called again, on any node, after a crash or a pause.
 * @returns what ends it, or nothing when a letter (pause, cancel) waits and it keeps its place
 */
export type Runner = (workshop: Workshop, lease: Lease, job: Job) => Promise<Effect | undefined>;

/** Reads a job and opens what is sealed of it. @throws JOB_NOT_FOUND, VAULT_KEY_UNUSABLE */
export async function load({ database, keyring }: Workshop, { key, tenantId }: Pick<Lease, "key" | "tenantId">): Promise<Job> {
  const found = await database.tenant(tenantId, (em) =>
    row<{
      kind: JobKind;
      source_id: string | null;
      target_id: string | null;
      mode: "incremental" | "full";
      options: JobOptions;
      settings: JobOptions | null;
      planned: boolean;
      approved: boolean;
      retry_of: string | null;
      checkpoint: unknown;
      sealed_credentials: Buffer | null;
      sealed_spec: Buffer | null;
    }>(
      em,
      `select j.kind, j.source_id, j.target_id, j.mode, j.options, s.settings, j.planned_at is not null as planned, j.approved_by is not null as approved,
              j.retry_of, j.checkpoint, j.sealed_credentials, s.sealed_spec
       from sync.sync_jobs j left join sync.sources s on s.id = j.source_id where j.id = ?`,
      [key],
    ),
  );
  if (!found) throw errors.jobNotFound("The job's row is missing.", { id: key });
  // A vault that was shredded has no key any more, and is still cleared away.
  const open = async <T>(purpose: string, sealed: Buffer) => unsealed<T>(await keyring.of(tenantId), purpose, sealed);
  const places = found.sealed_credentials ? await open<Places>(credentialsPurpose(key), found.sealed_credentials) : {};
  if (!places.source && found.sealed_spec) places.source = await open<Spec>(sourcePurpose(found.source_id!), found.sealed_spec);
  if (found.kind === "sync" && !places.source)
    throw errors.sourceNotFound("The job's source is not kept any more.", { id: found.source_id });
  return {
    ...places,
    id: key,
    tenantId,
    kind: found.kind,
    sourceId: found.source_id ?? "",
    targetId: found.target_id ?? "",
    mode: found.mode,
    options: merged(found.settings ?? {}, found.options),
    planned: found.planned,
    approved: found.approved,
    retryOf: found.retry_of,
    checkpoint: found.checkpoint,
  };
}

/** Letters that make a run leave its place; they are handled right after it. */
const interrupting = new Set(["pause", "cancel"]);
export const interrupts = (letters: string[]): boolean => letters.some((type) => interrupting.has(type));
