import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  ApiError,
  CheckoutPaymentIntent,
  OrdersController,
  PaymentsController,
  SubscriptionsController,
  TransactionSearchController,
  VaultController,
} from "@paypal/paypal-server-sdk";
import { fetchGrant, tokenSource } from "../gateway/token.ts";
import { PayPalTransport } from "../gateway/transport.ts";
import type { Simulator } from "./server.ts";

/** For specs: a merchant's program, with PayPal's SDK and with bare requests, both under the same client id. */
export function openShop(simulator: Simulator, clientId: string = randomUUID()) {
  const tokens = tokenSource(() => fetchGrant(simulator.url, clientId, "secret", 5_000));
  const transport = new PayPalTransport(simulator.url, tokens, 5_000);
  const orders = new OrdersController(transport);
  const payments = new PaymentsController(transport);
  const subscriptions = new SubscriptionsController(transport);
  const reports = new TransactionSearchController(transport);
  const vault = new VaultController(transport);
  const prefer = "return=representation";

  async function ask<T = Document>(line: string, body?: unknown, headers: Record<string, string> = {}) {
    const [method, path = ""] = line.split(" ");
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const own = { authorization: `Bearer ${await tokens.current()}`, "content-type": "application/json", prefer };
    const reply = await fetch(simulator.url + path, { method, headers: { ...own, ...headers }, body: text });
    const answer = await reply.text();
    return { status: reply.status, body: (answer ? JSON.parse(answer) : null) as T, headers: reply.headers };
  }

  /** An order that its payer has agreed to. */
  async function approved(value = "12.50", currencyCode = "EUR", of: { intent?: CheckoutPaymentIntent; customId?: string } = {}) {
    const { intent = CheckoutPaymentIntent.Capture, ...unit } = of;
    const body = { intent, purchaseUnits: [{ amount: { currencyCode, value }, ...unit }] };
    const { result } = await orders.createOrder({ body, prefer });
    simulator.approve(result.id!);
    return result.id!;
  }
  /** A completed capture of an order. @returns the capture's id */
  async function captured(value?: string, currencyCode?: string) {
    const { result } = await orders.captureOrder({ id: await approved(value, currencyCode), prefer });
    return result.purchaseUnits![0]!.payments!.captures![0]!.id!;
  }
  /** @returns the authorization's id */
  async function authorized(value?: string, currencyCode?: string) {
    const id = await approved(value, currencyCode, { intent: CheckoutPaymentIntent.Authorize });
    const { result } = await orders.authorizeOrder({ id, prefer });
    return result.purchaseUnits![0]!.payments!.authorizations![0]!.id!;
  }
  return { clientId, transport, orders, payments, subscriptions, reports, vault, prefer, ask, approved, captured, authorized };
}

export interface Document {
  id: string;
  name: string;
  status: string;
  debug_id: string;
  details: { issue: string; field?: string }[];
  links: { rel: string; href: string }[];
}

/** The issue with which PayPal refuses a call of the SDK; "" when it does not. */
export async function issueOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { details, name } = JSON.parse(error.body as string) as Partial<Document>;
    return details?.[0]?.issue ?? name ?? `HTTP ${error.statusCode}`;
  }
}

export interface Delivered {
  headers: Record<string, string>;
  text: string;
  id: string;
  event_type: string;
  resource: Record<string, unknown>;
}

/** For specs: an address that webhooks can be sent to, and what arrived there. `answers` are the next statuses; 200 when used up. */
export async function openListener() {
  const arrived: Delivered[] = [];
  const answers: number[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      arrived.push({ ...(JSON.parse(text) as Delivered), text, headers: request.headers as Record<string, string> });
      response.writeHead(answers.shift() ?? 200).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const until = async (count: number) => {
    const deadline = Date.now() + 20_000;
    while (arrived.length < count) {
      if (Date.now() > deadline) throw new Error(`${arrived.length} of ${count} webhooks within 20 s`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return arrived;
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    arrived,
    answers,
    /** Waits for that many in all. */
    until,
    types: () => arrived.map(({ event_type }) => event_type),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
