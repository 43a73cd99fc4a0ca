import { createMongoAbility, subject, type MongoAbility, type RawRuleOf } from "@casl/ability";
import type { Permission } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { kindsOf, partKinds, type Grant, type Kind, type Rule, type Things } from "../../config/rules.ts";
import { isOpen } from "./hours.ts";
import { conditionOf, type Columns, type Condition } from "./sql.ts";

/** Why something is refused: the permission is lacking, or a rule limits it. */
export interface Refusal {
  permission: Permission;
  role: string | null;
  rule?: Rule;
}

/**
 * What one subject may do, compiled once per version of its organisation's policy. Each rule becomes prohibitions of what lies outside of it, so
 * that several rules of a permission hold together and the one that refuses can be named; the same prohibitions become the filter of lists.
 */
export class Policy {
  readonly version: number;
  readonly permissions: readonly Permission[];
  readonly role: string | null;
  private readonly rules: readonly Rule[];
  private readonly ability: MongoAbility;
  /** Permissions that rules limit to some things. */
  private readonly limited: ReadonlyMap<Permission, Rule>;

  constructor({ version, role, userId, permissions, rules }: Grant) {
    this.version = version;
    this.role = role;
    this.permissions = permissions;
    this.rules = rules.filter((rule) => rule.permissions.some((permission) => permissions.includes(permission)));
    const prohibitions = this.rules.flatMap((rule, index) => prohibitionsOf(rule, String(index), userId));
    this.ability = createMongoAbility([...permissions.map((action) => ({ action, subject: "all" })), ...prohibitions]);
    this.limited = new Map(prohibitions.map(({ action, reason }) => [action as Permission, this.rules[Number(reason)]!]));
  }

  /** Whether the permission is held without any rule: only what is held so can be passed on. */
  holdsFully(permission: Permission): boolean {
    return this.permissions.includes(permission) && !this.rulesOf(permission).length;
  }

  /** Why the permission is refused whatever it is about; undefined when it is not. */
  refusal(permission: Permission, now = new Date()): Refusal | undefined {
    if (!this.permissions.includes(permission)) return { permission, role: this.role };
    const shut = this.rules.find((rule) => rule.hours && rule.permissions.includes(permission) && !isOpen(rule.hours, now));
    return shut && { permission, role: this.role, rule: shut };
  }

  /** The refusal of whatever can't be judged by its attributes; undefined when the permission is held for all things. */
  limit(permission: Permission): Refusal | undefined {
    const rule = this.limited.get(permission);
    return rule && { permission, role: this.role, rule };
  }

  /** The rules that limit a permission. */
  rulesOf(permission: Permission): Rule[] {
    return this.rules.filter((rule) => rule.permissions.includes(permission));
  }

  /** Why the permission is refused for this thing; undefined when it is not. */
  refusalOf<K extends Kind>(permission: Permission, kind: K, attributes: Things[K]): Refusal | undefined {
    const decisive = this.ability.relevantRuleFor(permission, subject(kind, { ...attributes }));
    if (!decisive) return { permission, role: this.role };
    return decisive.inverted ? { permission, role: this.role, rule: this.rules[Number(decisive.reason)]! } : undefined;
  }

  /** SQL of the things that the permission is held for. */
  filter<K extends Kind>(permission: Permission, kind: K, columns: Columns<K>): Condition {
    return conditionOf(this.ability, permission, kind, columns);
  }

  /** The error of a refusal. The rule is told to whoever has it, but for what is confidential. @param reader who is told, if somebody else */
  error({ permission, role, rule }: Refusal, reader: Policy = this) {
    if (!rule) return errors.forbidden(`This needs the permission ${permission}.`, { permission });
    const told = !rule.confidential || reader.permissions.includes("roles:read");
    const { name, permissions: _permissions, confidential: _confidential, ...limits } = rule;
    const message = told
      ? `The rule "${name}" of the role ${role} does not allow this.`
      : "A rule of your role does not allow this; ask your organisation's administrators.";
    return errors.forbidden(message, { permission, ...(told && { role, rule: { name, ...limits } }) });
  }
}

/** Who has made nothing. */
const nobody = "00000000-0000-0000-0000-000000000000";

type Prohibition = RawRuleOf<MongoAbility> & { action: string; reason: string };

/** What a rule prohibits, for each of its permissions and each kind of thing that it is about. Conditions are such as sql.ts can translate. */
function prohibitionsOf(rule: Rule, reason: string, userId: string | null): Prohibition[] {
  const { own, sources, maximum } = rule;
  const outside: Record<keyof typeof partKinds, object[]> = {
    own: own ? [{ owner: { $ne: userId ?? nobody } }] : [],
    sources: sources ? [{ source: { $nin: sources } }] : [],
    maximum: maximum ? [{ amount: { $gt: Number(maximum.amount) } }, { currency: { $ne: maximum.currency } }] : [],
  };
  return rule.permissions.flatMap((action) =>
    (kindsOf[action] ?? []).flatMap((kind) =>
      Object.entries(outside)
        .filter(([part]) => (partKinds[part as keyof typeof partKinds] as readonly Kind[]).includes(kind))
        .flatMap(([, prohibited]) => prohibited)
        .map((conditions): Prohibition => ({ action, subject: kind, inverted: true, reason, conditions: conditions })),
    ),
  );
}
