import type { Context, Middleware } from "moleculer";
import { recognisedCaller, type ActionDefinition } from "../config/action.ts";
import type { Act, ActName } from "../config/acts.ts";
import type { Meta } from "../config/permissions.ts";
import { errors, failureType, messageOf } from "../config/errors.ts";
import { accessRefused, actOf, beginAct, outsideCalls, recordEnd, withinCall, type PendingAct } from "./act.ts";
import type { Database } from "./database.ts";

interface Packet {
  type: string;
  payload: { meta?: Meta };
}

type Action = { name: string; service: { name: string; db?: Database; logger: { warn(...args: unknown[]): void } } } & Partial<
  Pick<ActionDefinition<unknown, never, unknown>, "audit" | "params">
>;

/**
 * Records the calls of actions with the flag `audit`, and every refusal (401, 403) of a caller that was recognised. An act that changes the
 * service's tables is recorded by the first transaction that does so, hence both or neither; one that changes none before its answer leaves;
 * refusals and failures when they are known. Stands outside the permission middleware, on the node that owns the action.
 */
export function auditMiddleware(): Middleware {
  return {
    name: "Audit",
    /** The caller knows its own meta: an answer need not bring this back. */
    transitPublish(next: (packet: Packet) => unknown) {
      return function (this: unknown, packet: Packet) {
        const meta = packet.type === "RES" ? packet.payload.meta : undefined;
        if (meta?.client !== undefined) packet.payload.meta = { ...meta, client: undefined };
        return next.call(this, packet);
      };
    },
    localAction(next: (ctx: Context<unknown, Meta>) => Promise<unknown>, action: Action) {
      if (action.service.name.startsWith("$") || action.name.startsWith("$")) return next;
      const { name, objectOf } = flagOf(action);
      return (ctx: Context<unknown, Meta>) => {
        const { db } = action.service;
        if (!db) return next(ctx);
        return name ? audited(ctx, db, name, objectOf(ctx.params)) : watched(ctx, db);
      };

      async function audited(ctx: Context<unknown, Meta>, db: Database, act: ActName, object: string | null): Promise<unknown> {
        const pending = beginAct(db.schema, ctx, act, object);
        let result: unknown;
        try {
          result = await withinCall({ ctx, pending }, () => next(ctx));
        } catch (error) {
          await recordRefusal(db, pending, error);
          throw error;
        }
        if (pending.recorded) return result;
        try {
          await record(db, pending, { outcome: "allowed", code: null });
        } catch (error) {
          // What was asked for is not given out unrecorded.
          throw errors.unavailable("This can't be recorded just now, and is not done without.", undefined, error);
        }
        return result;
      }

      async function watched(ctx: Context<unknown, Meta>, db: Database): Promise<unknown> {
        try {
          return await withinCall({ ctx }, () => next(ctx));
        } catch (error) {
          const { code } = error as { code?: unknown };
          if ((code === 401 || code === 403) && recognisedCaller(ctx))
            await recordRefusal(db, beginAct(db.schema, ctx, accessRefused, `action:${action.name}`), error);
          throw error;
        }
      }

      async function recordRefusal(db: Database, pending: PendingAct, error: unknown): Promise<void> {
        const { code } = error as { code?: unknown };
        const type = failureType(error);
        // Nothing was attempted yet.
        if (type === "VALIDATION_FAILED") return;
        const outcome = typeof code === "number" && code < 500 ? "refused" : "failed";
        try {
          await record(db, pending, { outcome, code: type });
        } catch (failure) {
          // It must not take the place of what went wrong.
          action.service.logger.warn(`${pending.action} (${type}) was not recorded: ${messageOf(failure)}`);
        }
      }
    },
  } as unknown as Middleware;
}

const record = (db: Database, pending: PendingAct, end: Pick<Act, "outcome" | "code">) =>
  // This one may run inside of another that is audited too: its transaction is none of that one's.
  outsideCalls(() => db.tenant(actOf(pending).tenantId, (em) => recordEnd(em, pending, end)));

/** The flag in a form that can be used call by call. @throws Error when it names a param that the action does not have */
function flagOf({ name, audit, params }: Action): { name: ActName | undefined; objectOf: (params: unknown) => string | null } {
  if (audit === undefined || typeof audit === "string") return { name: audit, objectOf: () => null };
  const [kind, param = ""] = audit.object.split(":");
  const { properties = {} } = params as unknown as { properties?: object };
  if (!(param in properties)) throw new Error(`Action ${name} names ${audit.object} in its flag audit, and has no param ${param}.`);
  return {
    name: audit.act,
    objectOf(given) {
      const value = (given as Record<string, unknown> | null)?.[param];
      return typeof value === "string" || typeof value === "number" ? `${kind}:${value}` : null;
    },
  };
}
