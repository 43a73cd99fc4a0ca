import { Accounts } from "./accounts.ts";
import type { Authorization } from "./authorizations.ts";
import type { Capture } from "./captures.ts";
import { Clock } from "./clock.ts";
import { Decisions } from "./decisions.ts";
import type { Dispute } from "./disputes.ts";
import type { Invoice } from "./invoices.ts";
import type { Order } from "./orders.ts";
import type { Plan } from "./plans.ts";
import type { Product } from "./products.ts";
import type { Refund } from "./refunds.ts";
import { Shelf } from "./shelf.ts";
import type { Subscription } from "./subscriptions.ts";
import type { SetupToken, Token } from "./vault.ts";

/** Tells a merchant's webhooks. `version` is that of the resource's API, "2.0" unless told otherwise. */
export type Emit = (merchant: string, eventType: string, resourceType: string, resource: object, version?: string) => void;

/** Everything that one simulator knows, in memory. What may be done with it stands in one file per area. */
export class World {
  readonly clock = new Clock();
  readonly accounts = new Accounts();
  readonly decisions = new Decisions();
  readonly orders = new Shelf<Order>("order_id");
  readonly authorizations = new Shelf<Authorization>("authorization_id", ({ orderId }) => orderId);
  readonly captures = new Shelf<Capture>(
    "capture_id",
    ({ orderId, subscriptionId, paypalInvoiceId }) => orderId ?? subscriptionId ?? paypalInvoiceId,
  );
  readonly refunds = new Shelf<Refund>("refund_id", ({ captureId }) => captureId);
  readonly disputes = new Shelf<Dispute>("dispute_id", ({ captureId }) => captureId);
  readonly products = new Shelf<Product>("product_id");
  readonly plans = new Shelf<Plan>("plan_id");
  readonly subscriptions = new Shelf<Subscription>("subscription_id");
  readonly invoices = new Shelf<Invoice>("invoice_id");
  readonly setups = new Shelf<SetupToken>("setup_token_id");
  readonly tokens = new Shelf<Token>("payment_token_id");
  /** Which order a merchant's invoice id was used by: "client id, invoice id" → order id. */
  readonly invoiceIds = new Map<string, string>();
  /** Where the simulator listens, known once it does. */
  origin = "";
  readonly emit: Emit;

  constructor(emit: Emit) {
    this.emit = emit;
  }
}
