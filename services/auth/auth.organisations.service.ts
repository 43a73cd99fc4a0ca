import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { signUp, type Account } from "./account.ts";
import { addressOf, emailField, nameField, passwordField } from "./fields.ts";
import type { Issued } from "./issuer.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { organisationsOf, type OrganisationOf } from "./membership.ts";
import { mailLink } from "./passwords/forgotten.ts";
import { person } from "./person.ts";
import { openSession, switchOrganisation, type SessionTokens } from "./sessions/session.ts";

type Organisations = Host<WithIssuer & WithRedis & WithJobs>;
const action = actionOf<Organisations>();

export const actions = {
  create: action({
    description: "Signs up an organisation with its owner, who is signed in at once.",
    permission: "public",
    rest: "POST /organisations",
    status: 201,
    params: strict({
      organisation: nameField("Name of the organisation.", 200),
      email: emailField,
      password: passwordField,
      firstName: Type.Optional(nameField("The owner's first name.", 100)),
      lastName: Type.Optional(nameField("The owner's last name.", 100)),
    }),
    async handler(ctx): Promise<Account & SessionTokens> {
      const account = await signUp(this.db, ctx.params, ctx.meta.client ?? {});
      await mailLink(this.db, this.broker, "address", addressOf(ctx.params.email));
      return { ...account, ...(await openSession(this, { ...account, methods: ["pwd"], device: ctx.meta.client ?? {} })) };
    },
  }),

  list: action({
    description: "Lists the organisations that the caller belongs to, with the role in each; the one joined first before the others.",
    permission: "account:manage",
    rest: "GET /organisations",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<OrganisationOf[]> {
      return await this.db.system((em) => organisationsOf(em, person(ctx).userId));
    },
  }),

  rename: action({
    description: "Gives the organisation another name.",
    permission: "org:write",
    audit: "organisation.renamed",
    rest: "PATCH /organisation",
    params: strict({ name: nameField("Name of the organisation.", 200) }),
    async handler(ctx): Promise<{ id: string; name: string }> {
      const { tenantId } = caller(ctx);
      const { name } = ctx.params;
      await this.db.tenant(tenantId, (em) => em.execute(`update auth.organisations set name = ? where id = ?`, [name, tenantId], "run"));
      return { id: tenantId, name };
    },
  }),

  switch: action({
    description: "Answers with a token for another organisation of the caller's; the session works for that one from then on.",
    permission: "account:manage",
    audit: { act: "session.switched", object: "organisation:tenantId" },
    rest: "POST /auth/switch",
    params: strict({ tenantId: uuid("The organisation.") }),
    async handler(ctx): Promise<Issued & { tenantId: string }> {
      const { tenantId } = ctx.params;
      return { ...(await switchOrganisation(this, person(ctx).session.id, tenantId)), tenantId };
    },
  }),
};

/** Carries the schema's relay: what sign-up appends is published from here. */
export default service<Organisations>()({
  name: "auth.organisations",
  mixins: [issuerMixin, redisMixin, jobsMixin("auth"), ormMixin("auth")],
  actions,
});
