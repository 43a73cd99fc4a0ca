import { bodyLimit } from "./body.ts";
import type { JsonObjectSchema, PropertySchema, Route } from "./routes.ts";
import { takesSome } from "./strangers.ts";

const problems: Record<string, string> = {
  "400": "The request can't be read.",
  "401": "No valid token or API key.",
  "403": "The permission is missing.",
  "404": "There is no such thing, or it belongs to another organisation.",
  "413": `The body has more than ${bodyLimit} bytes.`,
  "422": "The request was understood and has faults; `errors` names each.",
  "429": "Too much at once.",
  "500": "Something went wrong inside.",
  "503": "This part of the platform is not available at the moment; Retry-After says when to come back.",
};

/** The routes as an OpenAPI 3.1 document: its schemas are the ones that check the requests. */
export function openapi(routes: Route[]) {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of [...routes].sort((a, b) => a.path.localeCompare(b.path))) {
    const path = route.path.replace(/:(\w+)/g, "{$1}");
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "LEGENDO SYNC",
      version: "1",
      description:
        "Keeps companies' assets in an encrypted vault and takes their payments. Every answer is `{data}`, every failure a problem document.",
    },
    servers: [{ url: "/" }],
    paths,
    components: { securitySchemes, schemas: { Problem: problemSchema, Pagination: paginationSchema }, responses: problemResponses() },
  };
}

const securitySchemes = {
  bearer: { type: "http", scheme: "bearer", description: "An access token from POST /api/v1/auth/login, or an API key." },
  apiKey: { type: "apiKey", in: "header", name: "X-API-Key", description: "An API key." },
};

const problemSchema = {
  type: "object",
  description: "RFC 9457.",
  required: ["type", "title", "status", "detail", "instance", "code", "requestId"],
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string" },
    code: { type: "string", description: "Stable name of the failure." },
    requestId: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["pointer", "detail"],
        properties: { pointer: { type: "string", description: "RFC 6901 pointer to the member at fault." }, detail: { type: "string" } },
      },
    },
  },
};

const paginationSchema = {
  type: "object",
  required: ["cursor", "hasNext", "hasPrev"],
  properties: { cursor: { type: ["string", "null"] }, hasNext: { type: "boolean" }, hasPrev: { type: "boolean" } },
};

const problemResponses = () =>
  Object.fromEntries(
    Object.entries(problems).map(([status, description]) => [
      `Problem${status}`,
      { description, content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } } },
    ]),
  );

function operation(route: Route) {
  const open = route.permission === "public";
  return {
    operationId: operationId(route),
    summary: route.description,
    tags: [(route.action ?? "edge").split(".")[0]],
    ...(open ? { security: [] } : { security: [{ bearer: [] }, { apiKey: [] }], "x-permission": route.permission }),
    ...(route.stepUp ? { "x-step-up": true } : {}),
    ...input(route),
    responses: { [route.status]: success(route), ...failures(route) },
  };
}

/** An action may have several routes: each needs an id of its own. */
const operationId = ({ method, path, action }: Route) =>
  `${action ?? "edge"}.${method.toLowerCase()}${path.replace(/[^\w]+(\w)?/g, (_match, letter: string | undefined) => letter?.toUpperCase() ?? "")}`;

function input(route: Route) {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name!);
  const rest = Object.entries(route.params.properties ?? {}).filter(([name]) => !inPath.includes(name));
  const required = new Set(route.params.required ?? []);
  const takesBody = route.method !== "GET" && route.method !== "DELETE" && !route.stream;
  const parameters = [
    ...inPath.map((name) => parameter("path", name, route.params.properties?.[name] ?? { type: "string" }, true)),
    ...(takesBody ? [] : rest.map(([name, schema]) => parameter("query", name, schema, required.has(name)))),
    ...(route.idempotencyKey ? [idempotencyKey] : []),
    ...(route.mediaType === "text/event-stream" ? [lastEventId] : []),
  ];
  const body: JsonObjectSchema & { additionalProperties: false } = {
    type: "object",
    properties: Object.fromEntries(rest),
    required: [...required].filter((name) => !inPath.includes(name)),
    additionalProperties: false,
  };
  return {
    ...(parameters.length ? { parameters } : {}),
    ...(route.stream ? { requestBody: { required: true, content: { "application/octet-stream": {} } } } : {}),
    ...(takesBody && rest.length
      ? { requestBody: { required: body.required!.length > 0, content: { "application/json": { schema: body } } } }
      : {}),
  };
}

function parameter(place: "path" | "query", name: string, schema: PropertySchema, required: boolean) {
  const { description, ...shape } = schema;
  return { name, in: place, required, ...(description ? { description } : {}), schema: shape };
}

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description: "Repeats of the request under the same key get the first answer.",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

const lastEventId = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description: "Id of the last event that was seen; the stream goes on behind it.",
  schema: { type: "string", pattern: "^[0-9]{1,15}$" },
};

function success(route: Route) {
  if (route.status === 204) return { description: route.description };
  if (route.binary || (route.mediaType && route.mediaType !== "application/json")) {
    return { description: route.description, content: { [route.mediaType ?? "application/octet-stream"]: {} } };
  }
  const isList = route.params.properties?.["cursor"] !== undefined;
  const data = isList ? { type: "array", items: {} } : {};
  const envelope = {
    type: "object",
    required: ["data", ...(isList ? ["pagination"] : [])],
    properties: { data, ...(isList ? { pagination: { $ref: "#/components/schemas/Pagination" } } : {}) },
  };
  return { description: route.description, content: { "application/json": { schema: route.action ? envelope : { type: "object" } } } };
}

function failures(route: Route) {
  const possible = ["400", "422", "500", "503"];
  if (route.permission !== "public") possible.push("401", "403");
  if (route.path.includes(":")) possible.push("404");
  if (route.method !== "GET") possible.push("413");
  if (route.mediaType === "text/event-stream" || takesSome(route)) possible.push("429");
  return Object.fromEntries(possible.sort().map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]));
}
