import type { Permission, Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Kind, Rule, Things } from "../../../config/rules.ts";
import type { Database } from "../../../mixins/database.ts";
import { Policy, type Refusal } from "../../../mixins/policy/policy.ts";
import { grantOf } from "./grant.ts";

/** A thing that is asked about; what is left out counts as not known, and what is not known is outside of every rule. */
export interface Thing {
  kind: Kind;
  owner?: string | undefined;
  source?: string | undefined;
  amount?: string | undefined;
  currency?: string | undefined;
}

export interface Explanation {
  subject: string;
  role: string | null;
  /** Of the organisation's policy. */
  version: number;
  permission: Permission;
  allowed: boolean;
  /** A sentence that says why. */
  reason: string;
  /** Rules that limit the permission to some things or times, as far as the reader may know them. */
  rules: Rule[];
}

/**
 * Says whether a subject may do something at this moment, and why.
 * @param thing what it would be done to; without it, whether it may be done to anything
 * @throws FORBIDDEN for another subject than the caller, without roles:read; or for one that has no place in the organisation
 */
export async function explain(
  db: Database,
  by: Principal,
  reader: Policy,
  { subject = by.subject, permission, thing }: { subject?: string | undefined; permission: Permission; thing?: Thing | undefined },
): Promise<Explanation> {
  const stated = subject === by.subject && by.policyVersion === undefined;
  if (subject !== by.subject && !reader.permissions.includes("roles:read"))
    throw errors.forbidden("What others may do is explained to who may read roles.", { permission: "roles:read" });
  const policy = stated ? reader : new Policy(await db.tenant(by.tenantId, (em) => grantOf(em, by.tenantId, subject)));
  const { role, version } = policy;
  const refusal = policy.refusal(permission) ?? (thing && policy.refusalOf(permission, thing.kind, attributesOf(thing)));
  const rules = policy.rulesOf(permission).filter(({ confidential }) => !confidential || reader.permissions.includes("roles:read"));
  return { subject, role, version, permission, allowed: !refusal, reason: reasonOf(policy, reader, permission, refusal), rules };
}

function reasonOf(policy: Policy, reader: Policy, permission: Permission, refusal: Refusal | undefined): string {
  if (refusal) return policy.error(refusal, reader).message;
  const held = policy.role === null ? `The caller holds ${permission} itself` : `The role ${policy.role} has ${permission}`;
  return policy.limit(permission) ? `${held}, limited by its rules; they allow this.` : `${held}.`;
}

const attributesOf = ({ kind, owner: by, source: from, amount, currency = "" }: Thing): Things[Kind] =>
  kind === "payment" ? { owner: by ?? null, amount: Number(amount ?? Infinity), currency } : { owner: by ?? null, source: from ?? null };
