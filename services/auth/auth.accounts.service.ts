import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { changeAccount, createAccount, listAccounts, removeAccount, type ShownAccount } from "./accounts/accounts.ts";
import { nameField, roleField } from "./fields.ts";
import { changePolicy } from "./roles/change.ts";

type Accounts = Host<WithDatabase>;
const action = actionOf<Accounts>();

const id = uuid("The service account.");
const name = nameField("What the program is called.", 100);
const description = Type.Optional(Type.String({ maxLength: 500, description: "What it does." }));

export const actions = {
  create: action({
    description: "Makes a service account: a program of the organisation with a role like a person's, which calls by API keys of its own.",
    permission: "accounts:write",
    audit: "account.created",
    rest: "POST /accounts",
    status: 201,
    params: strict({ name, description, role: roleField }),
    async handler(ctx): Promise<ShownAccount> {
      const by = caller(ctx);
      return await changePolicy(this.db, ctx, by.tenantId, (em) => createAccount(em, policyOf(ctx), by, ctx.params));
    },
  }),

  list: action({
    description: "Lists the organisation's service accounts, by name.",
    permission: "accounts:read",
    rest: "GET /accounts",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownAccount[]> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => listAccounts(em, tenantId));
    },
  }),

  update: action({
    description: "Changes a service account or disables it; its keys follow within a second.",
    permission: "accounts:write",
    audit: { act: "account.changed", object: "account:id" },
    rest: "PATCH /accounts/:id",
    params: strict({
      id,
      name: Type.Optional(name),
      description,
      role: Type.Optional(roleField),
      disabled: Type.Optional(Type.Boolean({ description: "Whether its keys are refused." })),
    }),
    async handler(ctx): Promise<ShownAccount> {
      const { tenantId } = caller(ctx);
      return await changePolicy(this.db, ctx, tenantId, (em) => changeAccount(em, policyOf(ctx), tenantId, ctx.params));
    },
  }),

  remove: action({
    description: "Removes a service account and revokes its keys for good.",
    permission: "accounts:write",
    audit: { act: "account.removed", object: "account:id" },
    rest: "DELETE /accounts/:id",
    status: 204,
    params: strict({ id }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      await changePolicy(this.db, ctx, tenantId, (em) => removeAccount(em, policyOf(ctx), tenantId, ctx.params.id));
    },
  }),
};

export default service<Accounts>()({ name: "auth.accounts", mixins: [ormMixin("auth")], actions });
