import type { ServiceBroker } from "moleculer";
import Type, { type Static, type TSchema } from "typebox";
import { strict, uuid } from "../../config/action.ts";
import { auditFilter } from "../../config/audit.ts";
import { financeFilter, recurringFilter, taxFilter } from "../../config/reports.ts";
import { SchemaValidator } from "../../mixins/validator.ts";
import { archive, archiveParams } from "./archive.ts";
import { download } from "./download.ts";
import { jobEvents, tenantEvents } from "./events/streams.ts";
import { upload, uploadParams } from "./upload.ts";
import { sendJson, type EdgeHandler, type EdgeRequest, type EdgeResponse } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { oidc, providerPaths } from "./oidc.ts";
import { openapi } from "./openapi.ts";
import { paypalWebhook } from "./paypal.ts";
import { csvAudit, csvFinance, csvRecurring, csvReport, csvTax } from "./report.ts";
import { publicKeys } from "./peers.ts";
import { base, type JsonObjectSchema, type Route } from "./routes.ts";

type Answer<P> = (gateway: Gateway, req: EdgeRequest, res: EdgeResponse, params: P) => Promise<void> | void;

/** The routes that the edge answers itself: what streams, and what tells about the API. */
export function ownRoutes(broker: ServiceBroker, gateway: () => Gateway): Route[] {
  const route = <P extends TSchema>(
    path: string,
    facts: Pick<Route, "permission" | "description" | "mediaType" | "stream"> & { params: P; method?: string; status?: number },
    answer: Answer<Static<P>>,
  ): Route => ({
    method: "GET",
    path,
    status: 200,
    idempotencyKey: false,
    binary: false,
    ...facts,
    params: facts.params as unknown as JsonObjectSchema,
    handler: checked(facts.params, async (req, res, params) => await answer(gateway(), req, res, params as Static<P>)),
  });
  return [
    ...providerPaths.flatMap(([path, methods, description]) =>
      methods.map((method) =>
        route(
          `/oidc${path}`,
          { method, permission: "public", description, params: Type.Object({}), stream: true, mediaType: "text/html" },
          (_parts, req, res) => oidc(broker, req, res),
        ),
      ),
    ),
    route(
      `${base}/payments/webhooks/:accountId`,
      {
        method: "POST",
        stream: true,
        permission: "public",
        description: "Takes an event that PayPal tells about an account; its signature is verified.",
        params: strict({ accountId: uuid("The PayPal account.") }),
      },
      ({ strangers }, req, res, { accountId }) => paypalWebhook(strangers, broker, req, res, accountId),
    ),
    route(
      `${base}/assets/upload`,
      {
        method: "PUT",
        status: 201,
        stream: true,
        permission: "sync:write",
        description: "Puts one file into the vault: the body is its bytes. A path that is there already gets a new version.",
        params: strict(uploadParams),
      },
      (parts, req, res, wish) => upload(parts, broker, req, res, wish),
    ),
    route(
      `${base}/assets/archive`,
      {
        permission: "assets:read",
        description: "Downloads the assets of a source, or of a folder of it, as one archive: as they are, or as they were at a moment.",
        params: archiveParams,
        mediaType: "application/zip",
      },
      (parts, req, res, wish) => archive(parts, broker, req, res, wish),
    ),
    route(
      `${base}/sync/jobs/:id/report.csv`,
      {
        permission: "sync:read",
        description: "The whole report of a job as CSV: what became of every item.",
        params: strict({ id: uuid("The job.") }),
        mediaType: "text/csv",
      },
      (_parts, req, res, { id }) => csvReport(broker, req, res, id),
    ),
    route(
      `${base}/audit.csv`,
      {
        permission: "audit:read",
        description: "The organisation's audit log as CSV, newest first.",
        params: strict(auditFilter),
        mediaType: "text/csv",
      },
      (_parts, req, res, filter) => csvAudit(broker, req, res, filter),
    ),
    route(
      `${base}/reports/finance.csv`,
      {
        permission: "payment:read",
        description: "The financial report as CSV, earliest first.",
        params: strict(financeFilter),
        mediaType: "text/csv",
      },
      (_parts, req, res, filter) => csvFinance(broker, req, res, filter),
    ),
    route(
      `${base}/reports/tax.csv`,
      {
        permission: "payment:read",
        description: "The tax report as CSV, earliest first.",
        params: strict(taxFilter),
        mediaType: "text/csv",
      },
      (_parts, req, res, filter) => csvTax(broker, req, res, filter),
    ),
    route(
      `${base}/reports/mrr.csv`,
      {
        permission: "payment:read",
        description: "Monthly recurring revenue as CSV, earliest first.",
        params: strict(recurringFilter),
        mediaType: "text/csv",
      },
      (_parts, req, res, filter) => csvRecurring(broker, req, res, filter),
    ),
    route("/", { permission: "public", description: "Tells where to go from here.", params: strict({}) }, ({ table }, _req, res) =>
      sendJson(res, 200, {
        name: "LEGENDO SYNC",
        documentation: `${base}/openapi.json`,
        keys: "/.well-known/jwks.json",
        health: { live: "/livez", ready: "/readyz" },
        routes: table.all().length,
      }),
    ),
    route(
      "/.well-known/jwks.json",
      {
        permission: "public",
        description: "The public keys that verify access tokens.",
        params: strict({}),
        mediaType: "application/jwk-set+json",
      },
      async (_gateway, _req, res) => {
        const keys = await publicKeys(broker);
        res.setHeader("Cache-Control", "public, max-age=60");
        sendJson(res, 200, { keys }, "application/jwk-set+json");
      },
    ),
    route(
      `${base}/openapi.json`,
      { permission: "public", description: "This API as an OpenAPI 3.1 document.", params: strict({}) },
      ({ table }, _req, res) => sendJson(res, 200, openapi(table.all())),
    ),
    route(
      `${base}/events`,
      {
        permission: "events:read",
        description: "Streams the organisation's events as they happen; Last-Event-ID resumes after an event.",
        params: strict({}),
        mediaType: "text/event-stream",
      },
      (parts, req, res) => tenantEvents(parts, req, res),
    ),
    route(
      `${base}/sync/jobs/:id/events`,
      {
        permission: "sync:read",
        description: "Streams a job's events from its beginning, or after Last-Event-ID, until the job has ended.",
        params: strict({ id: uuid("The job.") }),
        mediaType: "text/event-stream",
      },
      (parts, req, res, { id }) => jobEvents(parts, broker, req, res, id),
    ),
    route(
      `${base}/assets/:id/content`,
      {
        permission: "assets:read",
        description: "Downloads an asset's content, decrypted; ranges and conditional requests are honoured.",
        params: strict({
          id: uuid("The asset."),
          version: Type.Optional(Type.Integer({ minimum: 1, description: "Another version than the current one." })),
        }),
        mediaType: "application/octet-stream",
      },
      (parts, req, res, wish) => download(parts, broker, req, res, wish),
    ),
  ];
}

/** @throws VALIDATION_FAILED before the handler runs */
function checked(schema: TSchema, handler: EdgeHandler): EdgeHandler {
  const check = new SchemaValidator({}).compile(schema) as unknown as (params: unknown) => void;
  return async (req, res, params) => {
    check(params);
    await handler(req, res, params);
  };
}
