import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import { ruleSetFaults, type RuleSet } from "./ruleset.ts";
import { standardRules } from "./standard.ts";

export const ruleSetStates = ["draft", "shadow", "active", "retired"] as const;
export type RuleSetState = (typeof ruleSetStates)[number];

/** A version of an organisation's rules. Times are ISO 8601. */
export interface ShownRuleSet extends RuleSet {
  version: number;
  state: RuleSetState;
  note: string;
  /** A principal's subject; null for the service's own rules. */
  createdBy: string | null;
  createdAt: string | null;
  activatedAt: string | null;
}

/** Nobody has thought of more. */
const mostVersions = 1_000;

type Stored = Omit<ShownRuleSet, keyof RuleSet> & { rules: RuleSet };
const columns = `version, state, note, rules, created_by as "createdBy", ${isoTime("created_at")} as "createdAt", ${isoTime("activated_at")} as "activatedAt"`;
const show = ({ rules, ...rest }: Stored): ShownRuleSet => ({ ...rest, ...rules });
const missing = (version: number) => errors.fraudRuleSetNotFound(`There is no version ${version} of the rules.`, { version });

/** One change of an organisation's rule sets at a time. */
const oneByOne = (em: Em, tenantId: string) => em.execute(`select pg_advisory_xact_lock(hashtext(?))`, [`fraud rules ${tenantId}`]);

/** Stores rules as the organisation's next version, a draft. @throws VALIDATION_FAILED naming every fault; CONFLICT for too many versions */
export async function proposeRules(em: Em, tenantId: string, by: string, rules: RuleSet, note: string): Promise<ShownRuleSet> {
  const faults = ruleSetFaults(rules);
  if (faults.length) throw errors.invalid(faults);
  await oneByOne(em, tenantId);
  const made = await row<Stored>(
    em,
    `insert into payment.fraud_rule_sets (tenant_id, version, note, rules, created_by)
     select ?, coalesce(max(version), 0) + 1, ?, ?::jsonb, ? from payment.fraud_rule_sets where tenant_id = ?
     having coalesce(max(version), 0) < ${mostVersions} returning ${columns}`,
    [tenantId, note, JSON.stringify(rules), by, tenantId],
  );
  if (!made) throw errors.conflict(`There are ${mostVersions} versions of the rules already.`);
  return show(made);
}

/** @throws FRAUD_RULE_SET_NOT_FOUND */
export async function readRules(em: Em, tenantId: string, version: number): Promise<ShownRuleSet> {
  const found = await row<Stored>(em, `select ${columns} from payment.fraud_rule_sets where tenant_id = ? and version = ?`, [
    tenantId,
    version,
  ]);
  if (found) return show(found);
  if (version !== 0) throw missing(version);
  const active = await row(em, `select 1 from payment.fraud_rule_sets where tenant_id = ? and state = 'active'`, [tenantId]);
  const note = "The rules that come with the service; they decide while no other version is active.";
  const state = active ? ("retired" as const) : ("active" as const);
  return { version, state, note, createdBy: null, createdAt: null, activatedAt: null, ...standardRules };
}

/** From which states a version may come into another one. A retired one may come back: that is how a mistake is undone. */
const moves: Record<Exclude<RuleSetState, "draft">, readonly RuleSetState[]> = {
  shadow: ["draft", "retired"],
  active: ["draft", "shadow", "retired"],
  retired: ["shadow", "active"],
};

/**
 * Lets a version judge (active), judge beside the active one (shadow), or no more (retired). What was in its place retires; without an active one
 * the service's own rules decide.
 * @throws FRAUD_RULE_SET_NOT_FOUND, CONFLICT for a move that there is not
 */
export async function moveRules(em: Em, tenantId: string, version: number, to: keyof typeof moves): Promise<ShownRuleSet> {
  await oneByOne(em, tenantId);
  const { state } = await readRules(em, tenantId, version);
  if (version === 0)
    throw errors.conflict("The service's own rules decide while no other version is active: retire that one.", { version, state });
  if (!moves[to].includes(state)) throw errors.conflict(`Version ${version} is ${state}; it can't become ${to}.`, { version, state });
  if (to !== "retired")
    await em.execute(`update payment.fraud_rule_sets set state = 'retired' where tenant_id = ? and state = ?`, [tenantId, to], "run");
  const moved = await row<Stored>(
    em,
    `update payment.fraud_rule_sets set state = ?, activated_at = case when ? = 'active' then now() else activated_at end
     where tenant_id = ? and version = ? returning ${columns}`,
    [to, to, tenantId, version],
  );
  return show(moved!);
}

/** A page of the organisation's versions, newest first. */
export async function listRules(
  em: Em,
  secret: string,
  tenantId: string,
  { limit = 50, cursor, state }: { limit?: number; cursor?: string; state?: RuleSetState },
): Promise<Page<ShownRuleSet>> {
  const scope = ["fraud rule sets", tenantId, state ?? null];
  const from = decodeCursor(secret, scope, cursor);
  const found = await rows<Stored>(
    em,
    `select ${columns} from payment.fraud_rule_sets where tenant_id = ? ${state ? "and state = ?" : ""} ${from ? "and version < ?" : ""}
     order by version desc limit ${limit + 1}`,
    [tenantId, ...(state ? [state] : []), ...(from?.after ?? [])],
  );
  return pageOf(found, limit, from !== undefined, show, ({ version }) => encodeCursor(secret, scope, { after: [version] }));
}
