import type { ActionHandler, Context, Middleware, ServiceBroker } from "moleculer";
import { admit, recognise, type ActionDefinition } from "../config/action.ts";
import type { Meta, Permission, Principal, Revocation } from "../config/permissions.ts";
import { errors } from "../config/errors.ts";
import type { Grant, Kind, Things } from "../config/rules.ts";
import { ClaimVerifier, serviceClaim, type KeySource } from "./claim.ts";
import { admitWith } from "./policy/admitted.ts";
import { Policies } from "./policy/policies.ts";
import type { Policy } from "./policy/policy.ts";
import { secondFactorFault } from "./secondfactor.ts";
import { Revocations, type RevocationList } from "./revocations.ts";

/** How long a revocation may stay unknown here when its broadcast was lost. */
const askEveryMs = 1_000;

/** For so long after its start a node may not have heard yet where auth is, and waits for that instead of refusing. */
const youthMs = 10_000;
const waitMs = 3_000;

const guards = new WeakMap<object, Guard>();

interface Guard {
  verifier: ClaimVerifier;
  revocations: Revocations;
  policies: Policies;
}

/** The node's verifier of claims, what it knows to be revoked, and what its callers may do: the edge answers some requests without a called node. */
export function guardOf(broker: ServiceBroker): Guard {
  const guard = guards.get(broker);
  if (!guard) throw new Error("This broker has no permission middleware.");
  return guard;
}

interface Packet {
  type: string;
  payload: { meta?: Meta };
}

type Owner = {
  name: string;
  broker: ServiceBroker;
  /** What rules look at of a thing; undefined when there is none of that id. */
  attributesOf?: (kind: Kind, tenantId: string, id: string) => Promise<Things[Kind] | undefined>;
};
type Action = { name: string; service: Owner } & Partial<ActionDefinition<unknown, never, unknown>>;

/** What auth broadcasts after it has changed an organisation's roles, members, accounts or keys. */
export interface PolicyChanged {
  tenantId: string;
  version: number;
}

/**
 * Refuses every call whose caller does not have the action's permission, or has it under a rule that forbids this call. Runs on the node that owns
 * the action, outside cache and validation, so neither a cached answer nor a validation message is given to a stranger. An action without the flag
 * can't be registered.
 */
export function permissionMiddleware(clusterSecret: string): Middleware {
  let verifier: ClaimVerifier;
  let asking: NodeJS.Timeout | undefined;
  let youngUntil = Infinity;
  /** Nodes tell each other of their services one by one: a call may arrive from a node that knows auth already at one that does not. */
  const introduced = async (broker: ServiceBroker, service: string) => {
    if (Date.now() < youngUntil && !broker.registry.hasService(service, undefined as never))
      await broker.waitForServices(service, waitMs, 50).catch(() => undefined);
  };
  return {
    name: "Permission",
    created(broker: ServiceBroker) {
      const source: KeySource = async () => {
        await introduced(broker, "auth.keys");
        return (await broker.call<{ keys: Awaited<ReturnType<KeySource>> }, object>("auth.keys.public", {})).keys;
      };
      const revocations = new Revocations((since) => broker.call<RevocationList, object>("auth.keys.revoked", { since }));
      verifier = new ClaimVerifier(clusterSecret, source, revocations);
      const policies = new Policies(async (tenantId, subject) => {
        const claim = await serviceClaim(clusterSecret, "policy", tenantId);
        await introduced(broker, "auth.roles");
        return await broker.call<Grant, object>("auth.roles.grant", { subject }, { meta: { claim } });
      });
      guards.set(broker, { verifier, revocations, policies });
      broker.createService({
        name: "$revocations",
        events: {
          "credential.revoked": (ctx: Context<Revocation>) => revocations.add(ctx.params),
          "policy.changed": ({ params }: Context<PolicyChanged>) => policies.changed(params.tenantId, params.version),
        },
      });
    },
    started(broker: ServiceBroker) {
      youngUntil = Date.now() + youthMs;
      const { revocations } = guardOf(broker);
      const ask = () => {
        // While the auth service is away nobody can revoke either.
        void revocations
          .read()
          .catch(() => undefined)
          // Two brokers of a process share it, and only the later one's question is taken back: the other must not keep the process.
          .then(() => asking && (asking = setTimeout(ask, askEveryMs).unref()));
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
    localAction(next: ActionHandler, action: Action) {
      if (action.service.name.startsWith("$") || action.name.startsWith("$")) return next;
      const needed = action.permission;
      if (!needed) throw new Error(`Action ${action.name} states no permission; "public" is one.`);
      if (needed === "public") return next;
      const { policies } = guardOf(action.service.broker);
      const enter = (ctx: Context<unknown, Meta>, principal: Principal, policy: Policy): Promise<unknown> => {
        recognise(ctx, principal);
        const fault = secondFactorFault(principal, { permission: needed, stepUp: action.stepUp });
        if (fault) return Promise.reject(fault);
        const refusal = policy.refusal(needed);
        if (refusal) return Promise.reject(policy.error(refusal));
        admit(ctx, principal.permissions === policy.permissions ? principal : { ...principal, permissions: policy.permissions });
        admitWith(ctx, policy, needed);
        const go = () => next.call(undefined as never, ctx) as Promise<unknown>;
        return policy.limit(needed) ? examine(action, needed, policy, principal, ctx.params).then(go) : go();
      };
      return ((ctx: Context<unknown, Meta>) => {
        // Most callers were seen a moment ago: they are not made to wait a turn.
        const known = verifier.known(ctx.meta.claim);
        const policy = known && policies.known(known);
        if (policy) return enter(ctx, known, policy);
        return verifier.verify(ctx.meta.claim).then((principal) => policies.of(principal).then((policy) => enter(ctx, principal, policy)));
      }) as ActionHandler;
    },
  } as unknown as Middleware;
}

const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Holds what the call is about against the caller's rules. @throws FORBIDDEN */
async function examine(action: Action, permission: Permission, policy: Policy, principal: Principal, params: unknown): Promise<void> {
  const { concerns } = action;
  // What can't be held against the rule is outside of it.
  if (!concerns) throw policy.error(policy.limit(permission)!);
  if ("filtered" in concerns || "demanded" in concerns) return;
  for (const attributes of await thingsOf(action, concerns, principal, params)) {
    const refusal = policy.refusalOf(permission, concerns.kind, attributes);
    if (refusal) throw policy.error(refusal);
  }
}

async function thingsOf(
  { name, service }: Action,
  concerns: Exclude<NonNullable<Action["concerns"]>, { filtered: true } | { demanded: true }>,
  principal: Principal,
  params: unknown,
): Promise<Things[Kind][]> {
  const given = (params ?? {}) as Record<string, unknown>;
  if ("of" in concerns) return [concerns.of(given as never, principal)].flat();
  const id = given[concerns.id];
  // Nothing has such an id: the action itself says so.
  if (typeof id !== "string" || !isUuid.test(id)) return [];
  if (!service.attributesOf) throw errors.internal(`${name} concerns a ${concerns.kind}, and its service can't tell what is known of one.`);
  const found = await service.attributesOf(concerns.kind, principal.tenantId, id);
  return found ? [found] : [];
}
