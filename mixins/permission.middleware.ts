import type { ActionHandler, Context, Middleware, ServiceBroker } from "moleculer";
import { admit, recognise, type ActionDefinition } from "../config/action.ts";
import type { Meta, Principal, Revocation } from "../config/contracts.ts";
import { errors } from "../config/errors.ts";
import { ClaimVerifier, type KeySource } from "./claim.ts";
import { Revocations, type RevocationList } from "./revocations.ts";

/** How long a revocation may stay unknown here when its broadcast was lost. */
const askEveryMs = 1_000;

const verifiers = new WeakMap<object, Guard>();

interface Guard {
  verifier: ClaimVerifier;
  revocations: Revocations;
}

/** The node's verifier of claims and what it knows to be revoked. */
export function guardOf(broker: ServiceBroker): Guard {
  const guard = verifiers.get(broker);
  if (!guard) throw new Error("This broker has no permission middleware.");
  return guard;
}

interface Packet {
  type: string;
  payload: { meta?: Meta };
}

/**
 * Refuses every call whose claim does not carry the action's permission. Runs on the node that owns the action, outside cache and
 * validation, so neither a cached answer nor a validation message is given to a stranger. An action without the flag can't be registered.
 */
export function permissionMiddleware(clusterSecret: string): Middleware {
  let verifier: ClaimVerifier;
  let asking: NodeJS.Timeout | undefined;
  return {
    name: "Permission",
    created(broker: ServiceBroker) {
      const source: KeySource = async () =>
        (await broker.call<{ keys: Awaited<ReturnType<KeySource>> }, object>("auth.keys.public", {})).keys;
      const revocations = new Revocations((since) => broker.call<RevocationList, object>("auth.keys.revoked", { since }));
      verifier = new ClaimVerifier(clusterSecret, source, revocations);
      verifiers.set(broker, { verifier, revocations });
      broker.createService({
        name: "$revocations",
        events: { "credential.revoked": (ctx: Context<Revocation>) => revocations.add(ctx.params) },
      });
    },
    started(broker: ServiceBroker) {
      const { revocations } = guardOf(broker);
      const ask = () => {
        // While the auth service is away nobody can revoke either.
        void revocations
          .read()
          .catch(() => undefined)
          .then(() => asking && (asking = setTimeout(ask, askEveryMs)));
      };
      asking = setTimeout(ask, 0);
    },
    stopping() {
      clearTimeout(asking);
      asking = undefined;
    },
    /** An answer brings the caller's meta back, and with it the claim that the caller has: twice the bytes of a small call. */
    transitPublish(next: (packet: Packet) => unknown) {
      return function (this: unknown, packet: Packet) {
        const meta = packet.type === "RES" ? packet.payload.meta : undefined;
        if (meta?.claim !== undefined) packet.payload.meta = { ...meta, claim: undefined };
        return next.call(this, packet);
      };
    },
    localAction(
      next: ActionHandler,
      action: { name: string; service: { name: string } } & Partial<ActionDefinition<unknown, never, unknown>>,
    ) {
      if (action.service.name.startsWith("$") || action.name.startsWith("$")) return next;
      const needed = action.permission;
      if (!needed) throw new Error(`Action ${action.name} states no permission; "public" is one.`);
      if (needed === "public") return next;
      const enter = (ctx: Context<unknown, Meta>, principal: Principal): Promise<unknown> => {
        recognise(ctx, principal);
        if (!principal.permissions.includes(needed)) {
          return Promise.reject(errors.forbidden(`This needs the permission ${needed}.`, { permission: needed }));
        }
        admit(ctx, principal);
        return next.call(undefined as never, ctx) as Promise<unknown>;
      };
      return ((ctx: Context<unknown, Meta>) => {
        // Most claims were seen a moment ago: they are not made to wait a turn.
        const known = verifier.known(ctx.meta.claim);
        return known ? enter(ctx, known) : verifier.verify(ctx.meta.claim).then((principal) => enter(ctx, principal));
      }) as ActionHandler;
    },
  } as unknown as Middleware;
}
