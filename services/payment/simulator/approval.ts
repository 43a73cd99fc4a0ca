import type { invoiceBody } from "./invoices.ts";
import { isOpen, type Order } from "./orders.ts";
import type { Reply } from "./replies.ts";
import type { Subscription } from "./subscriptions.ts";
import { challengeResults } from "./threeds.ts";
import type { SetupToken } from "./vault.ts";

const escape = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = (status: number, title: string, content: string): Reply => ({
  status,
  headers: {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
    "cache-control": "no-store",
  },
  body: `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:1.1rem system-ui;max-width:26rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.6rem 1.4rem;margin:0 .6rem .6rem 0}</style>
<main><p>PayPal simulator: no money moves.</p><h1>${title}</h1>${content}</main></html>`,
});

const buttons = `<form method="post"><button name="action" value="approve">Approve</button><button name="action" value="cancel">Cancel</button></form>`;

/** What the payer sees: what is paid to whom, and two buttons. */
export function approvalPage(order: Order | undefined): Reply {
  if (!order) return page(404, "This order does not exist", "<p>The simulator keeps its orders in memory and may have been restarted.</p>");
  const [unit] = order.units;
  const amount = amountIn(order);
  if (!isOpen(order)) return page(200, amount, `<p>This order is ${order.status}.</p>`);
  const description = unit?.description ? `<p>${escape(unit.description)}</p>` : "";
  return page(200, amount, description + buttons);
}

const amountIn = ({ units: [unit] }: Order) => escape(`${unit?.amount.value} ${unit?.amount.currency_code}`);

/** The bank's question about a card, with a button for each way in which it may end. */
export function challengePage(order: Order | undefined): Reply {
  if (order?.source?.kind !== "card") return page(404, "Nothing is asked here", "<p>No card of such an order waits for its payer.</p>");
  if (order.status !== "PAYER_ACTION_REQUIRED") return page(200, amountIn(order), `<p>This order is ${order.status}.</p>`);
  const ends = challengeResults.map((result) => `<button name="action" value="${result}">${result}</button>`).join("");
  const question = `<p>Your bank asks whether it is you who pays with the card ending in ${escape(order.source.card!.last_digits)}.</p>`;
  return page(200, amountIn(order), `${question}<form method="post">${ends}<button name="action" value="cancel">Cancel</button></form>`);
}

/** Whether a way to pay may be saved. */
export function setupPage(token: SetupToken | undefined): Reply {
  if (!token) return page(404, "This token does not exist", "<p>It may have run out.</p>");
  if (token.status !== "PAYER_ACTION_REQUIRED") return page(200, "Save how you pay", `<p>This token is ${token.status}.</p>`);
  return page(200, "Save how you pay", buttons);
}

/** Where the browser goes after that. */
export function sendSaverBack({ id, returnUrl, cancelUrl }: SetupToken, agreed: boolean): Reply {
  return sendTo(agreed ? returnUrl : cancelUrl, agreed, { approval_token_id: id, approval_session_id: id });
}

/** What a subscriber sees. */
export function subscriptionPage(subscription: Subscription | undefined, name: string): Reply {
  if (!subscription)
    return page(404, "This subscription does not exist", "<p>The simulator keeps everything in memory and may have been restarted.</p>");
  if (subscription.status !== "APPROVAL_PENDING" && !subscription.revision)
    return page(200, escape(name), `<p>This subscription is ${subscription.status}.</p>`);
  const what = subscription.revision ? "<p>Your subscription is to change.</p>" : "";
  return page(200, escape(name), what + buttons);
}

/** An invoice as its payer sees it. */
export function invoicePage(invoice: ReturnType<typeof invoiceBody> | undefined, isPayable: boolean): Reply {
  if (!invoice) return page(404, "This invoice does not exist", "<p>It may not have been sent yet.</p>");
  const { detail, due_amount: due, items, status } = invoice;
  const lines = items.map(
    ({ name, quantity, unit_amount }) => `<li>${escape(`${quantity} × ${name}: ${unit_amount.value} ${unit_amount.currency_code}`)}</li>`,
  );
  const pay = isPayable ? `<form method="post"><button name="action" value="pay">Pay</button></form>` : `<p>This invoice is ${status}.</p>`;
  return page(200, escape(`Invoice ${detail.invoice_number}: ${due.value} ${due.currency_code} due`), `<ul>${lines.join("")}</ul>${pay}`);
}

/** Where the subscriber's browser goes after the buttons. */
export function sendSubscriberBack({ id, approvalToken, returnUrl, cancelUrl }: Subscription, agreed: boolean): Reply {
  const members = { subscription_id: id, ba_token: approvalToken, token: approvalToken.slice(3) };
  return sendTo(agreed ? returnUrl : cancelUrl, agreed, members);
}

/** Where the payer's browser goes after the buttons, as PayPal does it: token and PayerID in the query, other members kept. */
export function sendBack({ id, payer, returnUrl, cancelUrl }: Order, agreed: boolean): Reply {
  return sendTo(agreed ? returnUrl : cancelUrl, agreed, { token: id, ...(agreed && payer && { PayerID: payer.payer_id }) });
}

function sendTo(target: string | null, agreed: boolean, members: Record<string, string>): Reply {
  if (!target) return page(200, agreed ? "Approved" : "Cancelled", "<p>The shop gave no address to return to.</p>");
  const url = new URL(target);
  for (const [name, value] of Object.entries(members)) url.searchParams.set(name, value);
  return { status: 303, headers: { location: url.href } };
}
