import Type from "typebox";
import { actionOf, strict } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { signUp, type Account } from "./account.ts";
import { addressOf, emailField, nameField, passwordField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { mailLink } from "./passwords/forgotten.ts";
import { openSession, type SessionTokens } from "./sessions/session.ts";

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
};

/** Carries the schema's relay: what sign-up appends is published from here. */
export default service<Organisations>()({
  name: "auth.organisations",
  mixins: [issuerMixin, redisMixin, jobsMixin("auth"), ormMixin("auth")],
  actions,
});
