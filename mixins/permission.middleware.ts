import type { ActionHandler, Context, Middleware, ServiceBroker } from "moleculer";
import { admit, type ActionDefinition } from "../config/action.ts";
import type { Meta } from "../config/contracts.ts";
import { errors } from "../config/errors.ts";
import { ClaimVerifier, type KeySource } from "./claim.ts";

/**
 * Refuses every call whose claim does not carry the action's permission. Runs on the node that owns the action, outside cache and
 * validation, so neither a cached answer nor a validation message is given to a stranger. An action without the flag can't be registered.
 */
export function permissionMiddleware(clusterSecret: string): Middleware {
  let verifier: ClaimVerifier;
  return {
    name: "Permission",
    created(broker: ServiceBroker) {
      const source: KeySource = async () =>
        (await broker.call<{ keys: Awaited<ReturnType<KeySource>> }, object>("auth.keys.public", {})).keys;
      verifier = new ClaimVerifier(clusterSecret, source);
    },
    localAction(
      next: ActionHandler,
      action: { name: string; service: { name: string } } & Partial<ActionDefinition<unknown, never, unknown>>,
    ) {
      if (action.service.name.startsWith("$") || action.name.startsWith("$")) return next;
      const needed = action.permission;
      if (!needed) throw new Error(`Action ${action.name} states no permission; "public" is one.`);
      if (needed === "public") return next;
      return async function (this: unknown, ctx: Context<unknown, Meta>) {
        const principal = await verifier.verify(ctx.meta.claim);
        if (!principal.permissions.includes(needed)) {
          throw errors.forbidden(`This needs the permission ${needed}.`, { permission: needed });
        }
        admit(ctx, principal);
        return (await next.call(this as never, ctx)) as unknown;
      } as ActionHandler;
    },
  } as Middleware;
}
