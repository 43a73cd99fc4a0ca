import { actionOf, strict } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { describeAct } from "../../mixins/act.ts";
import { row } from "../../mixins/database.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { linkField } from "./fields.ts";
import { useLink } from "./links.ts";
import { counts, mailLink } from "./passwords/forgotten.ts";
import { person } from "./person.ts";

type Addresses = Host<WithDatabase & WithRedis>;
const action = actionOf<Addresses>();

export const actions = {
  request: action({
    description: "Mails the caller a link that confirms their address; signing up does this once by itself.",
    permission: "account:manage",
    rest: "POST /auth/address/confirmation",
    status: 202,
    params: strict({}),
    async handler(ctx): Promise<{ accepted: true }> {
      const { userId } = person(ctx);
      const user = await this.db.system((em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
      if (!(await counts(this.redis, `mails:${userId}`, 3)))
        throw errors.signInDelayed("Too many links were asked for; try again later.", { retryAfter: 600 });
      await mailLink(this.db, this.broker, "address", user!.email);
      return { accepted: true };
    },
  }),

  confirm: action({
    description: "Confirms an address by the token of a mailed link, which works once within a day.",
    permission: "public",
    audit: "address.confirmed",
    rest: "POST /auth/address/confirm",
    params: strict({ token: linkField }),
    async handler(ctx): Promise<{ confirmed: true }> {
      await this.db.system(async (em) => {
        const { userId, email } = await useLink(em, "address", ctx.params.token);
        describeAct({ actor: `user:${userId}`, userId, object: `user:${userId}` });
        const sql = `update auth.users set email_confirmed_at = now(), updated_at = now() where id = ? and email = ? returning 1`;
        if (!(await row(em, sql, [userId, email]))) throw errors.linkInvalid("The account has another address by now.");
      });
      return { confirmed: true };
    },
  }),
};

export default service<Addresses>()({ name: "auth.addresses", mixins: [redisMixin, ormMixin("auth")], actions });
