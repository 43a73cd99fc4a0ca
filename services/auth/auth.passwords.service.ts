import { actionOf, strict } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { row } from "../../mixins/database.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { helpful } from "../../mixins/redis.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { emailField, linkField, passwordField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { changePassword, resetPassword } from "./passwords/change.ts";
import { forgotPassword } from "./passwords/forgotten.ts";
import { lift } from "./passwords/lockout.ts";
import { provePassword } from "./passwords/prove.ts";
import { person } from "./person.ts";
import { tellEnded } from "./sessions/end.ts";
import { openSession, type SessionTokens } from "./sessions/session.ts";

type Passwords = Host<WithIssuer & WithRedis>;
const action = actionOf<Passwords>();

export const actions = {
  change: action({
    description: "Changes the caller's password: all sessions end, and a new one begins for the caller.",
    permission: "account:manage",
    audit: "password.changed",
    rest: "POST /auth/password",
    params: strict({ current: passwordField, password: passwordField }),
    async handler(ctx): Promise<SessionTokens> {
      const { userId, tenantId, session } = person(ctx);
      const client = ctx.meta.client ?? {};
      const user = await this.db.system((em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
      await provePassword(this.db, this.redis, { email: user!.email, password: ctx.params.current }, client);
      const { ended } = await changePassword(this.db, userId, ctx.params.password, client.address);
      await tellEnded(ctx, this.redis, ended);
      return await openSession(this, { userId, tenantId, methods: [...new Set([...session.methods, "pwd"])], device: client });
    },
  }),

  forgot: action({
    description: "Mails a link for a new password, if there is an account of this address; the answer does not tell.",
    permission: "public",
    rest: "POST /auth/password/forgot",
    status: 202,
    params: strict({ email: emailField }),
    async handler(ctx): Promise<{ accepted: true }> {
      await forgotPassword(this.db, this.redis, this.broker, ctx.params.email, ctx.meta.client?.address);
      return { accepted: true };
    },
  }),

  reset: action({
    description: "Sets a new password by the token of a mailed link, which works once within 30 minutes; all sessions end.",
    permission: "public",
    audit: "password.reset",
    rest: "POST /auth/password/reset",
    params: strict({ token: linkField, password: passwordField }),
    async handler(ctx): Promise<{ changed: true }> {
      const { token, password } = ctx.params;
      const { email, ended } = await resetPassword(this.db, token, password, ctx.meta.client?.address);
      await tellEnded(ctx, this.redis, ended);
      await helpful(lift(this.redis, email, ctx.meta.client?.address));
      return { changed: true };
    },
  }),
};

export default service<Passwords>()({ name: "auth.passwords", mixins: [issuerMixin, redisMixin, ormMixin("auth")], actions });
