import Type from "typebox";
import { actionOf, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { person } from "./person.ts";
import { endSession, endSessions, revokeSession, tellEnded } from "./sessions/end.ts";
import { listSessions, type ShownSession } from "./sessions/list.ts";
import { refreshSession } from "./sessions/refresh.ts";
import type { SessionTokens } from "./sessions/session.ts";
import { tellTheft } from "./sessions/theft.ts";

type Sessions = Host<WithIssuer & WithRedis>;
const action = actionOf<Sessions>();

export const actions = {
  refresh: action({
    description: "Takes a refresh token and answers with the next one and a token of ten minutes.",
    permission: "public",
    rest: "POST /auth/refresh",
    params: strict({
      refreshToken: Type.String({ minLength: 1, maxLength: 256, description: "The newest refresh token of the session." }),
    }),
    async handler(ctx): Promise<SessionTokens> {
      return await refreshSession(this, ctx.params.refreshToken, ctx.meta.client ?? {}, async (ended, theft) => {
        await tellEnded(ctx, this.redis, ended);
        if (theft) for (const session of ended) await tellTheft(this.db, this.broker, session, ctx.meta.client ?? {});
      });
    },
  }),

  list: action({
    description: "Lists the caller's own sessions that last, on whatever device, newest first.",
    permission: "account:manage",
    rest: "GET /auth/sessions",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownSession[]> {
      const { userId, session } = person(ctx);
      return await listSessions(this.db, this.redis, userId, session.id);
    },
  }),

  logout: action({
    description: "Ends the session of the token that asks.",
    permission: "account:manage",
    audit: "session.signed_out",
    rest: "POST /auth/logout",
    status: 204,
    params: strict({}),
    async handler(ctx): Promise<void> {
      const ended = await this.db.system((em) => endSession(em, person(ctx).session.id, "signed_out"));
      await tellEnded(ctx, this.redis, ended);
    },
  }),

  revoke: action({
    description: "Ends one of the caller's own sessions.",
    permission: "account:manage",
    audit: { act: "session.revoked", object: "session:id" },
    rest: "DELETE /auth/sessions/:id",
    idempotent: true,
    params: strict({ id: uuid("The session.") }),
    async handler(ctx): Promise<{ id: string }> {
      const { id } = ctx.params;
      await tellEnded(ctx, this.redis, await revokeSession(this.db, person(ctx).userId, id));
      return { id };
    },
  }),

  revokeAll: action({
    description: "Ends all of the caller's own sessions but the one that asks, or that one too.",
    permission: "account:manage",
    audit: "sessions.revoked",
    rest: "DELETE /auth/sessions",
    params: strict({ current: Type.Optional(Type.Boolean({ default: false, description: "End the session that asks, too." })) }),
    async handler(ctx): Promise<{ ended: number }> {
      const { userId, session } = person(ctx);
      const except = ctx.params.current ? {} : { except: session.id };
      const ended = await this.db.system((em) => endSessions(em, userId, "revoked", except));
      await tellEnded(ctx, this.redis, ended);
      return { ended: ended.filter(({ sessionId }) => sessionId).length };
    },
  }),
};

export default service<Sessions>()({ name: "auth.sessions", mixins: [issuerMixin, redisMixin, ormMixin("auth")], actions });
