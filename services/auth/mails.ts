import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { messageOf } from "../../config/errors.ts";
import { serviceClaim } from "../../mixins/claim.ts";

const triesMs = [0, 1_000, 5_000];

/**
 * Hands a mail about somebody's account to the notification service, which then sees to it; nobody waits for this. It belongs to no organisation:
 * a person may be in several. One that could not be handed over is lost, and can be asked for again.
 */
export function sendMail(broker: ServiceBroker, mail: ActionMap["notification.mail.send"]["params"]): void {
  void (async () => {
    let failure: unknown;
    for (const wait of triesMs) {
      if (wait) await sleep(wait, undefined, { ref: false });
      try {
        const claim = await serviceClaim(env.CLUSTER_SECRET, "auth", platform);
        return void (await call(broker, "notification.mail.send", mail, { meta: { claim } }));
      } catch (error) {
        failure = error;
      }
    }
    broker.logger.info(`The mail ${mail.key} could not be handed to the notification service: ${messageOf(failure)}`);
  })();
}

/** Hands a mail of an organisation to the notification service, which then sees to it. @throws what that throws */
export async function mailFor(broker: ServiceBroker, tenantId: string, mail: ActionMap["notification.mail.send"]["params"]): Promise<void> {
  const claim = await serviceClaim(env.CLUSTER_SECRET, "auth", tenantId);
  await call(broker, "notification.mail.send", mail, { meta: { claim } });
}

/** A moment as the mails' texts show it. @param at milliseconds since 1970 */
export const forPeople = (at: number): string => `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
