import { env, list } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { jobsMixin, type WithJobs } from "../../mixins/jobs.mixin.ts";
import { ormMixin, urlOf } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { openSender, type Sender } from "./deliver.ts";
import { Dispatcher } from "./dispatcher.ts";
import { webhookSubscription } from "./fanout.ts";
import { nextWait } from "./schedule.ts";

type Notification = Host<WithJobs & { sender: Sender; dispatcher: Dispatcher }>;

/** Carries events to the organisations' webhooks. */
export default service<Notification>()({
  name: "notification",
  mixins: [jobsMixin("notification"), ormMixin("notification")],
  async started() {
    this.sender = openSender(list(env.WEBHOOK_PRIVATE_HOSTS));
    this.dispatcher = new Dispatcher({
      database: this.db,
      listenUrl: urlOf("notification"),
      keys: keyManager(env),
      sender: this.sender,
      schedule: nextWait,
      log: this.logger,
    });
    await this.dispatcher.start();
    await this.jobs.work({ subscriptions: [webhookSubscription] });
  },
  async stopped() {
    await this.dispatcher?.stop();
    await this.sender?.close();
  },
});
