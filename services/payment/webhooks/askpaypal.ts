import type { PayPalConnection } from "../gateway/connection.ts";
import type { Transmission } from "./transmission.ts";
import type { Verdict } from "./verify.ts";

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
  const answer = await connection.send({ method: "POST", path: "/v1/notifications/verify-webhook-signature", text }, readStatus);
  if (answer.outcome === "ok" && answer.value === "SUCCESS") return { verdict: "genuine" };
  if (answer.outcome === "ok" && answer.value === "FAILURE") return { verdict: "forged", reason: "PayPal says that it did not send this." };
  const reason = answer.outcome === "refused" ? answer.issue : answer.outcome === "unknown" ? answer.reason : answer.value;
  return { verdict: "undecided", reason: `PayPal does not say whether it sent this: ${reason}` };
}

function readStatus(body: unknown): string | null {
  const status = (body as { verification_status?: unknown } | null)?.verification_status;
  return typeof status === "string" ? status : null;
}
