import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { granted, permissions, type Permission } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { ruleSchema, type Grant } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { roleField } from "./fields.ts";
import { changePolicy } from "./roles/change.ts";
import { explain, type Explanation } from "./roles/explain.ts";
import { grantOf } from "./roles/grant.ts";
import { changeRole, createRole, listRoles, removeRole, type ShownRole } from "./roles/roles.ts";

type Roles = Host<WithDatabase>;
const action = actionOf<Roles>();

const description = Type.Optional(Type.String({ maxLength: 500, description: "What it is for." }));
const permissionsField = Type.Array(Type.Enum([...granted]), { maxItems: 50, description: "What who has it may do." });
const rules = Type.Optional(Type.Array(ruleSchema, { maxItems: 30, description: "What the permissions are limited to." }));
const subject = Type.String({
  pattern: "^((user|key|account):[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|token:[0-9a-f]{64})$",
  description: "user:<id>, key:<id>, account:<id> or token:<hex>.",
});

export const actions = {
  list: action({
    description: "Lists the organisation's roles with their permissions and rules: those that all have, then its own.",
    permission: "roles:read",
    rest: "GET /roles",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownRole[]> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => listRoles(em, tenantId));
    },
  }),

  create: action({
    description: "Defines a role of the organisation. Nobody can give a role what they lack or have under a rule themselves.",
    permission: "roles:write",
    audit: { act: "role.created", object: "role:name" },
    rest: "POST /roles",
    status: 201,
    params: strict({ name: roleField, description, permissions: permissionsField, rules }),
    async handler(ctx): Promise<ShownRole> {
      const { tenantId } = caller(ctx);
      return await changePolicy(this.db, ctx, tenantId, (em) => createRole(em, policyOf(ctx), tenantId, ctx.params));
    },
  }),

  update: action({
    description: "Changes a role of the organisation; who has it may do as it says within a second, without signing in again.",
    permission: "roles:write",
    audit: { act: "role.changed", object: "role:name" },
    rest: "PATCH /roles/:name",
    params: strict({ name: roleField, description, permissions: Type.Optional(permissionsField), rules }),
    async handler(ctx): Promise<ShownRole> {
      const { tenantId } = caller(ctx);
      return await changePolicy(this.db, ctx, tenantId, (em) => changeRole(em, policyOf(ctx), tenantId, ctx.params as never));
    },
  }),

  remove: action({
    description: "Removes a role of the organisation that nobody has.",
    permission: "roles:write",
    audit: { act: "role.removed", object: "role:name" },
    rest: "DELETE /roles/:name",
    status: 204,
    params: strict({ name: roleField }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      await changePolicy(this.db, ctx, tenantId, (em) => removeRole(em, policyOf(ctx), tenantId, ctx.params.name));
    },
  }),

  explain: action({
    description: "Says whether the caller, or another subject, may do something at this moment, and which role or rule decides.",
    permission: "org:read",
    rest: "POST /roles/explain",
    idempotent: true,
    params: strict({
      subject: Type.Optional(subject),
      permission: Type.Optional(Type.Enum([...permissions], { description: "What is to be done …" })),
      action: Type.Optional(Type.String({ maxLength: 200, description: "… or the action that does it, e.g. payment.create." })),
      thing: Type.Optional(
        strict({
          kind: Type.Enum(["job", "source", "asset", "payment"], { description: "What it would be done to." }),
          owner: Type.Optional(uuid("Who made it.")),
          source: Type.Optional(uuid("Its source.")),
          amount: Type.Optional(Type.String({ pattern: "^\\d{1,12}(\\.\\d{1,3})?$", description: "Decimal string." })),
          currency: Type.Optional(Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217 code." })),
        }),
      ),
    }),
    async handler(ctx): Promise<Explanation> {
      const { permission, action, ...about } = ctx.params;
      const asked = permission ?? (action === undefined ? undefined : permissionOf(this, action));
      if (!asked) throw errors.invalid([{ pointer: "/permission", detail: "must be given, or action must" }]);
      return await explain(this.db, caller(ctx), policyOf(ctx), { ...about, permission: asked });
    },
  }),

  grant: action({
    description: "Answers what a subject of the organisation may do; every node asks this for its callers.",
    permission: "internal",
    idempotent: true,
    params: strict({ subject }),
    async handler(ctx): Promise<Grant> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => grantOf(em, tenantId, ctx.params.subject));
    },
  }),
};

/** @throws VALIDATION_FAILED for what is no action, or one that asks for no permission */
function permissionOf(host: Roles, name: string): Permission {
  const found = (
    host.broker.registry.getActionList({}) as unknown as { name: string; action?: { permission?: Permission | "public" } }[]
  ).find((listed) => listed.name === name)?.action?.permission;
  if (!found || found === "public") throw errors.invalid([{ pointer: "/action", detail: "is no action that asks for a permission" }]);
  return found;
}

export default service<Roles>()({ name: "auth.roles", mixins: [ormMixin("auth")], actions });
