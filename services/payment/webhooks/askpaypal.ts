import { errors } from "../../../config/errors.ts";
import type { PayPalConnection } from "../gateway/connection.ts";
import type { Transmission } from "./transmission.ts";
import type { Verdict } from "./verify.ts";

/** So often a minute PayPal is asked about deliveries to one account, whoever sends them. */
const perMinute = 10;
const minuteMs = 60_000;

/** Questions to PayPal about deliveries: anybody can bring them about, so they are few, and they go beside those of payments. */
export class Questions {
  readonly #asked = new Map<string, { until: number; count: number }>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** @throws PAYMENT_GATEWAY_THROTTLED when this is one too many about the account: nothing is to be asked then */
  count(accountId: string): void {
    const now = this.#now();
    for (const [id, { until }] of this.#asked) if (until <= now) this.#asked.delete(id);
    const asked = this.#asked.get(accountId) ?? { until: now + minuteMs, count: 0 };
    this.#asked.set(accountId, asked);
    if (++asked.count > perMinute)
      throw errors.gatewayThrottled(
        "It can't be told whether this is from PayPal: PayPal was asked about too many deliveries within a minute.",
      );
  }
}

/**
 * Asks PayPal whether it has sent this: the way out when the certificate can't be had. The event goes into the question byte for byte; written
 * anew, with other spaces or another order, it would not verify.
 * @param body valid JSON in UTF-8
 */
export async function askPayPal(
  connection: PayPalConnection,
  body: Buffer,
  { id, time, signature, certificateUrl, algorithm }: Transmission,
  webhookId: string,
): Promise<Verdict> {
  const question = JSON.stringify({
    transmission_id: id,
    transmission_time: time,
    cert_url: certificateUrl,
    auth_algo: algorithm,
    transmission_sig: signature,
    webhook_id: webhookId,
  });
  const text = `${question.slice(0, -1)},"webhook_event":${body.toString()}}`;
  const answer = await connection.aside.send({ method: "POST", path: "/v1/notifications/verify-webhook-signature", text }, readStatus);
  if (answer.outcome === "ok" && answer.value === "SUCCESS") return { verdict: "genuine" };
  if (answer.outcome === "ok" && answer.value === "FAILURE") return { verdict: "forged", reason: "PayPal says that it did not send this." };
  const reason = answer.outcome === "refused" ? answer.issue : answer.outcome === "unknown" ? answer.reason : answer.value;
  return { verdict: "undecided", reason: `PayPal does not say whether it sent this: ${reason}` };
}

function readStatus(body: unknown): string | null {
  const status = (body as { verification_status?: unknown } | null)?.verification_status;
  return typeof status === "string" ? status : null;
}
