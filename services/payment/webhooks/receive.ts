import { errors } from "../../../config/errors.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { Till } from "../till.ts";
import { askPayPal, type Questions } from "./askpaypal.ts";
import type { Certificates } from "./certificates.ts";
import { readEnvelope } from "./envelope.ts";
import type { Forgeries } from "./forgeries.ts";
import { keepEvent } from "./keep.ts";
import { readTransmission, transmissionHeaders, type Transmission } from "./transmission.ts";
import { verifyTransmission, type Verdict } from "./verify.ts";

/** What a node keeps from one delivery to the next. */
export interface Doorkeepers {
  certificates: Certificates;
  forgeries: Forgeries;
  questions: Questions;
}

export interface Delivery {
  accountId: string;
  headers: Record<string, string>;
  /** As it came. */
  body: Buffer;
}

/**
 * Takes a delivery of PayPal's: verifies it and keeps it, and does nothing else, so that PayPal is answered at once. What is not genuine is
 * kept nowhere.
 * @returns whether it was new
 * @throws PAYPAL_ACCOUNT_NOT_FOUND, REQUEST_MALFORMED, PAYPAL_EVENT_FORGED; PAYMENT_GATEWAY_UNAVAILABLE or PAYMENT_GATEWAY_THROTTLED when it
 * can't be told whether it is genuine: PayPal then delivers it again
 */
export async function receive(
  till: Till,
  accounts: Accounts,
  { certificates, forgeries, questions }: Doorkeepers,
  { accountId, headers, body }: Delivery,
): Promise<boolean> {
  const account = await till.db.system((em) => em.findOne(PaypalAccount, { id: accountId }));
  if (!account?.webhookId) throw errors.paypalAccountNotFound("There is no PayPal account with a webhook here.", { id: accountId });
  const transmission = readTransmission(headers);
  if (typeof transmission === "string") throw errors.malformed(transmission);
  const byCertificate = await verifyTransmission(body, transmission, account.webhookId, accounts.trust(account), certificates);
  const genuine = byCertificate.verdict === "genuine";
  const envelope = byCertificate.verdict === "forged" ? null : readEnvelope(body);
  if (byCertificate.verdict === "undecided") questions.count(accountId);
  const verdict = byCertificate.verdict === "undecided" ? await ask(accounts, account, body, transmission) : byCertificate;
  if (verdict.verdict === "undecided") throw errors.gatewayUnavailable(`It can't be told whether this is from PayPal. ${verdict.reason}`);
  if (verdict.verdict === "forged" || !envelope) {
    const reason = verdict.verdict === "forged" ? verdict.reason : "";
    await forgeries.note(till.db, account.tenantId, accountId, reason);
    throw errors.paypalEventForged(`This is not from PayPal: ${reason}`, { accountId });
  }
  const kept = Object.fromEntries(transmissionHeaders.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])));
  return await keepEvent(till.db, account, envelope, { body, headers: kept, provedBy: genuine ? "signature" : "paypal" });
}

/** PayPal's own word, while its certificate can't be had. */
async function ask(accounts: Accounts, account: PaypalAccountRow, body: Buffer, transmission: Transmission): Promise<Verdict> {
  return await askPayPal((await accounts.reach(account)).connection, body, transmission, account.webhookId!);
}
