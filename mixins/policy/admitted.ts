import { caller } from "../../config/action.ts";
import type { Permission } from "../../config/permissions.ts";
import type { Kind, Things } from "../../config/rules.ts";
import type { Policy } from "./policy.ts";
import type { Columns, Condition } from "./sql.ts";

/** A symbol that nothing outside this file can name or send. */
const admitted = Symbol("policy");
type Admitted = { [admitted]?: { policy: Policy; permission: Permission } };

/** Only the permission middleware calls this. */
export const admitWith = (ctx: object, policy: Policy, permission: Permission) =>
  void ((ctx as Admitted)[admitted] = { policy, permission });

function admittedTo(ctx: object): { policy: Policy; permission: Permission } {
  caller(ctx);
  return (ctx as Admitted)[admitted]!;
}

/** What the caller may do. @throws Error in a public action: a programming fault */
export const policyOf = (ctx: object): Policy => admittedTo(ctx).policy;

/** SQL of the things that the caller may see or touch by the action's permission. @param columns the SQL of each attribute that rules look at */
export function visible<K extends Kind>(ctx: object, kind: K, columns: Columns<K>): Condition {
  const { policy, permission } = admittedTo(ctx);
  return policy.filter(permission, kind, columns);
}

/**
 * Holds things that a call turns out to be about against the caller's rules, by the action's permission.
 * @param tell what rules look at of each; asked only where a rule limits the caller
 * @throws FORBIDDEN
 */
export async function demand<K extends Kind>(ctx: object, kind: K, tell: () => Things[K][] | Promise<Things[K][]>): Promise<void> {
  const { policy, permission } = admittedTo(ctx);
  if (!policy.limit(permission)) return;
  for (const attributes of await tell()) {
    const refusal = policy.refusalOf(permission, kind, attributes);
    if (refusal) throw policy.error(refusal);
  }
}
