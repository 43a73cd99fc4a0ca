import { Complaints } from "./complaints.ts";
import { acceptClaim, appeal, demandDispute, type Dispute, escalate, resolveDispute, tellDispute } from "./disputes.ts";
import { disputeBody, disputeSummary } from "./disputeview.ts";
import { type Reply } from "./replies.ts";
import { type Call, filesIn, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

function list(world: World, { merchant, query }: Call): Reply {
  const moment = (name: string, otherwise: number) => (query.has(name) ? Date.parse(query.get(name)!) : otherwise);
  const [state, transaction] = [query.get("dispute_state"), query.get("disputed_transaction_id")];
  const [from, changed] = [moment("start_time", 0), moment("update_time_after", 0)];
  const found = world.disputes
    .all(merchant)
    .filter(
      ({ captureId, createdAt, updatedAt }) => (!transaction || captureId === transaction) && createdAt >= from && updatedAt >= changed,
    )
    .map((one) => disputeSummary(world, one))
    .filter((one) => !state || state.split(",").includes(one.dispute_state));
  const size = Math.min(50, Number(query.get("page_size") ?? 10) || 10);
  const start = Number(query.get("next_page_token") ?? 0) || 0;
  const self = `${world.origin}/v1/customer/disputes`;
  const next = { href: `${self}?page_size=${size}&next_page_token=${start + size}`, rel: "next", method: "GET" };
  const links = [{ href: self, rel: "self", method: "GET" }, ...(start + size < found.length ? [next] : [])];
  return { status: 200, body: { items: found.slice(start, start + size), links } };
}

/** What a note, message or decision demands. */
function text(call: Call, field: string, most: number): string {
  const complaints = new Complaints();
  complaints.text(call.body[field], `/${field}`, most, true);
  complaints.finish();
  return call.body[field] as string;
}

function provideEvidence(world: World, call: Call, dispute: Dispute): void {
  const evidences = call.body["evidences"] ?? (call.body["evidence_type"] ? [call.body] : []);
  const complaints = new Complaints();
  if (!Array.isArray(evidences) || evidences.length === 0) complaints.add("MISSING_REQUIRED_PARAMETER", "/evidences");
  complaints.finish();
  demandDispute(dispute, "WAITING_FOR_SELLER_RESPONSE", "UNDER_REVIEW");
  const time = world.clock.stamp();
  const files = filesIn(call.request);
  const documents = files.length ? { documents: files.map((name) => ({ name })) } : {};
  dispute.evidences.push(...(evidences as object[]).map((one) => ({ ...one, ...documents, source: "SUBMITTED_BY_SELLER", date: time })));
  Object.assign(dispute, { status: "UNDER_REVIEW", dueAt: null, updatedAt: world.clock.now() });
  tellDispute(world, dispute, "UPDATED");
}

function say(world: World, call: Call, dispute: Dispute): void {
  const content = text(call, "message", 2_000);
  demandDispute(dispute, "OPEN", "WAITING_FOR_BUYER_RESPONSE");
  dispute.messages.push({ posted_by: "SELLER", content, time_posted: world.clock.stamp() });
  Object.assign(dispute, { status: "WAITING_FOR_BUYER_RESPONSE", updatedAt: world.clock.now() });
  tellDispute(world, dispute, "UPDATED");
}

/** As PayPal's sandbox lets one play PayPal. */
function adjudicate(world: World, call: Call, dispute: Dispute): void {
  const complaints = new Complaints();
  complaints.word(call.body["adjudication_outcome"], "/adjudication_outcome", ["BUYER_FAVOR", "SELLER_FAVOR"], true);
  complaints.finish();
  demandDispute(dispute, "UNDER_REVIEW");
  resolveDispute(world, dispute, call.body["adjudication_outcome"] === "BUYER_FAVOR" ? "RESOLVED_BUYER_FAVOUR" : "RESOLVED_SELLER_FAVOUR");
}

function requireEvidence(world: World, dispute: Dispute): void {
  demandDispute(dispute, "UNDER_REVIEW", "OPEN");
  Object.assign(dispute, { status: "WAITING_FOR_SELLER_RESPONSE", updatedAt: world.clock.now() });
  tellDispute(world, dispute, "UPDATED");
}

/** Disputes v1. Source: PayPal's customer_disputes_v1 OpenAPI document. */
export function disputeRoutes(world: World): Route[] {
  const path = "/v1/customer/disputes";
  const acting =
    (act: (call: Call, dispute: Dispute) => void) =>
    (call: Call): Reply => {
      act(call, world.disputes.get(call.id, call.merchant));
      return { status: 200, body: { links: [{ href: `${world.origin}${path}/${call.id}`, rel: "self", method: "GET" }] } };
    };
  return [
    on(`GET ${path}`, "disputes.list", (call) => list(world, call)),
    on(`GET ${path}/:id`, "disputes.get", ({ id, merchant }) => ({
      status: 200,
      body: disputeBody(world, world.disputes.get(id, merchant)),
    })),
    on(
      `POST ${path}/:id/accept-claim`,
      "disputes.accept",
      acting((call, dispute) => {
        text(call, "note", 2_000);
        demandDispute(dispute, "OPEN", "WAITING_FOR_SELLER_RESPONSE");
        acceptClaim(world, dispute);
      }),
    ),
    on(
      `POST ${path}/:id/provide-evidence`,
      "disputes.evidence",
      acting((call, dispute) => provideEvidence(world, call, dispute)),
    ),
    on(
      `POST ${path}/:id/escalate`,
      "disputes.escalate",
      acting((call, dispute) => {
        text(call, "note", 2_000);
        escalate(world, dispute, "SELLER");
      }),
    ),
    on(
      `POST ${path}/:id/send-message`,
      "disputes.message",
      acting((call, dispute) => say(world, call, dispute)),
    ),
    on(
      `POST ${path}/:id/appeal`,
      "disputes.appeal",
      acting((_call, dispute) => appeal(world, dispute)),
    ),
    on(
      `POST ${path}/:id/adjudicate`,
      "disputes.adjudicate",
      acting((call, dispute) => adjudicate(world, call, dispute)),
    ),
    on(
      `POST ${path}/:id/require-evidence`,
      "disputes.require",
      acting((_call, dispute) => requireEvidence(world, dispute)),
    ),
  ];
}
