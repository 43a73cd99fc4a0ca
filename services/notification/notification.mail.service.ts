import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { once } from "../../mixins/events.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, rewrapTable, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { attachmentsSchema } from "./mail/attachments.ts";
import { listMails, resendMail, storeMail, type ShownMail } from "./mail/mails.ts";
import { prepareMail } from "./mail/post.ts";
import { sealedMails } from "./mail/sealed.ts";
import { templateNames } from "./mail/templates.ts";

type Mails = Host<WithDatabase>;
const action = actionOf<Mails>();

/** How long a dead letter is tried again, ms. */
const againMs = 24 * 3_600_000;

export const actions = {
  send: action({
    description: "Takes a mail for sending and answers at once; a repeat under the same key sends nothing more.",
    permission: "internal",
    params: strict({
      to: Type.String({ format: "email", maxLength: 254, description: "The recipient's address." }),
      template: Type.String({ maxLength: 64, description: `What it says: ${templateNames.join(", ")}.` }),
      data: Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 4096 }), { description: "What the template asks for." }),
      attachments: Type.Optional(attachmentsSchema),
      key: Type.String({ minLength: 1, maxLength: 255, description: "Names this mail within the organisation." }),
    }),
    async handler(ctx): Promise<{ id: string }> {
      const { tenantId } = caller(ctx);
      const { key, ...params } = ctx.params;
      const mail = await prepareMail(keyManager(env), tenantId, params);
      return await this.db.tenant(tenantId, (em) =>
        once(em, "notification", { tenantId, action: "notification.mail.send", key, params }, async () => {
          await storeMail(em, mail);
          return { id: mail.id };
        }),
      );
    },
  }),

  list: action({
    description: "Lists up to a hundred of the organisation's mails, newest first; undelivered ones are the dead letters.",
    permission: "internal",
    idempotent: true,
    params: strict({ status: Type.Optional(Type.Enum(["pending", "sent", "undelivered"], { description: "Only these." })) }),
    async handler(ctx): Promise<ShownMail[]> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => listMails(em, ctx.params.status));
    },
  }),

  resend: action({
    description: "Sends a mail again that could not be delivered.",
    permission: "internal",
    params: strict({ id: uuid("The mail.") }),
    async handler(ctx): Promise<ShownMail> {
      const mail = await this.db.tenant(caller(ctx).tenantId, (em) => resendMail(em, ctx.params.id, againMs));
      if (!mail) throw errors.notFound("There is no such undelivered mail.", ctx.params);
      return mail;
    },
  }),

  rewrap: action({
    description: "Wraps the keys of all mails that were not sent yet by the current master key; `next` says where to go on.",
    permission: "internal",
    audit: "mail.keys.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapTable(this.db, keyManager(env), sealedMails, ctx.params);
    },
  }),
};

export default service<Mails>()({ name: "notification.mail", mixins: [ormMixin("notification")], actions });
