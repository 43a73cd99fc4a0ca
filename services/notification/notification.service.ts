import { call } from "../../config/calls.ts";
import { env, list, publicUrl } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin, urlOf } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import type { Claimed } from "./deliveries.ts";
import { openSender, type Sender } from "./deliver.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { webhookSubscription } from "./fanout.ts";
import { configuredDoor } from "./mail/configured.ts";
import type { MailDoor } from "./mail/door.ts";
import { jobMails } from "./mail/jobs.ts";
import type { ClaimedMail } from "./mail/mails.ts";
import { mailDispatcher } from "./mail/post.ts";
import { nextMailWait, nextWait } from "./schedule.ts";
import { webhookDispatcher } from "./webhooks.ts";

type Notification = Host<WithJobs & { sender: Sender; webhooks: Dispatcher<Claimed>; door: MailDoor; mails: Dispatcher<ClaimedMail> }>;

/** Carries events to the organisations' webhooks, and mails to people. */
export default service<Notification>()({
  name: "notification",
  mixins: [jobsMixin("notification"), ormMixin("notification")],
  async started() {
    this.sender = openSender(list(env.WEBHOOK_PRIVATE_HOSTS));
    this.door = configuredDoor(env, this.logger);
    const keys = keyManager(env);
    const tools = { database: this.db, listenUrl: urlOf("notification"), keys, log: this.logger };
    this.webhooks = webhookDispatcher({ ...tools, sender: this.sender, schedule: nextWait });
    this.mails = mailDispatcher({ ...tools, door: this.door, schedule: nextMailWait, publicUrl: publicUrl(env) });
    await Promise.all([this.webhooks.start(), this.mails.start()]);
    const addressOf = async (tenantId: string, userId: string) => {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "notification", tenantId);
      return (await call(this.broker, "auth.contact", { userId }, { meta: { claim } })).email;
    };
    await this.jobs.work({ subscriptions: [webhookSubscription, ...jobMails(keys, addressOf)] });
  },
  async stopped() {
    await Promise.all([this.webhooks?.stop(), this.mails?.stop()]);
    await this.sender?.close();
    this.door?.close();
  },
});
