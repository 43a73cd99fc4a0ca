import { AsyncLocalStorage } from "node:async_hooks";
import type { Context } from "moleculer";
import { v7 as uuidv7 } from "uuid";
import { recognisedCaller } from "../config/action.ts";
import type { Act, ActName, ActOutcome } from "../config/acts.ts";
import type { SchemaName } from "../config/names.ts";
import { platform, type Meta } from "../config/permissions.ts";
import type { Em } from "./database.ts";

/** What a refusal is recorded as where the action has no name of its own for it. */
export const accessRefused: ActName = "access.refused";

/** What a call is doing that has to be recorded, from its beginning until its record stands in the service's schema. */
export interface PendingAct {
  schema: SchemaName;
  ctx: Context<unknown, Meta>;
  id: string;
  at: string;
  action: ActName;
  object: string | null;
  /** What only the handler knows. */
  described: Described;
  recorded: boolean;
}

interface Call {
  ctx: Context<unknown, Meta>;
  pending?: PendingAct;
}

const calls = new AsyncLocalStorage<Call>();

/** Runs the handler of a call so that what it writes knows of the call. */
export const withinCall = <T>(call: Call, work: () => T): T => calls.run(call, work);

/** Runs what belongs to no call, though one may be waiting for it. */
export const outsideCalls = <T>(work: () => T): T => calls.exit(work);

/** An act that a call has begun. */
export const beginAct = (schema: SchemaName, ctx: Context<unknown, Meta>, action: ActName, object: string | null): PendingAct => ({
  schema,
  ctx,
  ...stamp(),
  action,
  object,
  described: {},
  recorded: false,
});

/** The record of a pending act, by what is known of it now. The caller is recognised after the act has begun. */
export const actOf = ({ ctx, id, at, action, object, described }: PendingAct): Act => ({
  ...circumstances(ctx),
  id,
  at,
  action,
  object,
  outcome: "allowed",
  code: null,
  details: null,
  ...described,
});

/** The act of the current call that a transaction of this schema and tenant (undefined: all tenants') has to record, if it changes anything. */
export function pendingAct(schema: SchemaName, tenantId: string | undefined): PendingAct | undefined {
  const pending = calls.getStore()?.pending;
  if (!pending || pending.recorded || pending.schema !== schema) return undefined;
  return tenantId === undefined || tenantId === actOf(pending).tenantId ? pending : undefined;
}

/** What only the handler knows of its act. */
export type Described = Partial<Pick<Act, "tenantId" | "actor" | "userId" | "object" | "details">>;

/**
 * Adds to the record of the current call, which its action's flag `audit` asks for: before the transaction that does the act ends. The id of what
 * it makes, say. Where the call is not audited it does nothing.
 */
export function describeAct(described: Described): void {
  const pending = calls.getStore()?.pending;
  if (pending) Object.assign(pending.described, described);
}

export interface NewAct extends Described {
  action: ActName;
  outcome: ActOutcome;
  /** The failure's type. */
  code?: string;
}

/**
 * Records an act in the caller's transaction: for acts that no action's flag can tell of (a lockout, a reuse of a refresh token, what a sweeper
 * does). Tenant, actor, address and request come from the current call where they are not said; without a tenant it is the platform's. What is
 * done outside of any call is done by the service itself.
 */
export async function recordAct(em: Em, schema: SchemaName, { code, ...act }: NewAct): Promise<void> {
  const { ctx } = calls.getStore() ?? {};
  await write(
    em,
    schema,
    {
      ...circumstances(ctx),
      ...(!ctx && { actor: `service:${schema}` }),
      ...stamp(),
      object: null,
      details: null,
      ...act,
      code: code ?? null,
    },
    "true",
  );
}

/** Records a pending act if the transaction has changed anything. @returns whether it did */
export const recordPending = (em: Em, pending: PendingAct): Promise<boolean> =>
  write(em, pending.schema, actOf(pending), "pg_current_xact_id_if_assigned() is not null");

/** Records how a pending act ended, where no transaction of its own could: the act itself, or a second record beside the one that it was done. */
export async function recordEnd(em: Em, pending: PendingAct, end: Pick<Act, "outcome" | "code">): Promise<void> {
  await write(em, pending.schema, { ...actOf(pending), ...(pending.recorded && stamp()), ...end }, "true");
}

const stamp = () => ({ id: uuidv7(), at: new Date().toISOString() });

function circumstances(ctx: Context<unknown, Meta> | undefined) {
  const principal = ctx && recognisedCaller(ctx);
  const client = ctx?.meta.client;
  return {
    tenantId: principal?.tenantId ?? platform,
    actor: principal?.subject ?? null,
    userId: principal?.userId ?? null,
    call: ctx?.action?.name ?? null,
    requestId: ctx?.requestID ?? null,
    node: ctx?.nodeID ?? null,
    address: text(client?.address),
    userAgent: text(client?.userAgent),
  };
}

/** Any node may put anything into its meta. */
const text = (given: unknown): string | null => (typeof given === "string" ? given : null);

/** The row that stays until the audit log has the act, and the outbox row that takes it there. */
async function write(em: Em, schema: SchemaName, act: Act, condition: string): Promise<boolean> {
  const written = await em.execute<object[]>(
    `with act as (
       insert into ${schema}.acts (id, tenant_id, act) select ?, ?, ?::jsonb where ${condition} on conflict do nothing returning id, tenant_id, act
     ), ticket as (
       insert into ${schema}.outbox (tenant_id, subject, message_id, payload) select tenant_id, 'act.' || '${schema}', id::text, act from act
     )
     select 1 from act`,
    [act.id, act.tenantId, JSON.stringify(act, storable)],
  );
  return written.length > 0;
}

/** What strangers send may hold what PostgreSQL does not store: U+0000 and halves of surrogate pairs. */
const storable = (_key: string, value: unknown): unknown =>
  typeof value === "string"
    ? value
        .replace(/\p{Cc}/gu, " ")
        .toWellFormed()
        .slice(0, 500)
    : value;
