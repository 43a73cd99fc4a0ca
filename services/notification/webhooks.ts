import { messageOf } from "../../config/errors.ts";
import type { Database } from "../../mixins/database.ts";
import type { Log } from "../../mixins/relay.ts";
import type { KeyManager } from "../../mixins/vault/keys.ts";
import { claimDue, record, release, type Claimed } from "./deliveries.ts";
import type { Outcome, Sender } from "./deliver.ts";
import { Dispatcher } from "./dispatcher.ts";
import { openSecret } from "./endpoints.ts";
import { dueChannel } from "./fanout.ts";
import type { Schedule } from "./schedule.ts";

/** Messages in flight on one node, and of one endpoint among them. */
const slots = 32;
const perEndpoint = 4;
/** Longer than an attempt can last; a killed node's messages are taken over after this. */
const claimMs = 30_000;

export interface WebhookTools {
  database: Database;
  listenUrl: string;
  keys: KeyManager;
  sender: Sender;
  schedule: Schedule;
  log: Log;
}

/** Sends due webhooks. */
export const webhookDispatcher = (tools: WebhookTools): Dispatcher<Claimed> =>
  new Dispatcher<Claimed>({
    what: "webhooks",
    channel: dueChannel,
    slots,
    listenUrl: tools.listenUrl,
    log: tools.log,
    claim: (free, active) => tools.database.system((em) => claimDue(em, free, perEndpoint, busy(active), claimMs)),
    deliver: (claimed, signal) => deliver(tools, claimed, signal),
  });

function busy(active: Iterable<Claimed>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { endpoint_id: endpoint } of active) counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1);
  return counts;
}

async function deliver(tools: WebhookTools, claimed: Claimed, signal: AbortSignal): Promise<void> {
  const { database, schedule, log } = tools;
  try {
    const outcome = await attempt(tools, claimed, signal);
    const givenUp = !outcome.ok && signal.aborted;
    await database.tenant(claimed.tenant_id, (em) => (givenUp ? release(em, claimed) : record(em, claimed, outcome, schedule)));
  } catch (error) {
    log.warn(`how webhook delivery ${claimed.id} ended was not recorded, it will be sent again: ${messageOf(error)}`);
  }
}

async function attempt({ keys, sender, log }: WebhookTools, claimed: Claimed, signal: AbortSignal): Promise<Outcome> {
  const failed = (error: string): Outcome => ({ ok: false, status: null, retryAfterMs: null, error });
  if (!claimed.enabled) return failed("The webhook is turned off since its receiver answered 410 Gone.");
  let key: Buffer;
  try {
    key = await openSecret(keys, claimed);
  } catch (error) {
    log.error(`the secret of webhook ${claimed.endpoint_id} can't be opened: ${messageOf(error)}`);
    return failed("The webhook's secret can't be opened now.");
  }
  const message = { url: claimed.url, eventId: claimed.event_id, body: claimed.body, keys: [key] };
  return await sender.send(message, signal);
}
