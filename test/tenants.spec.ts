import { randomUUID } from "node:crypto";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../config/calls.ts";
import { schemas } from "../config/names.ts";
import { permissions, platform, type Permission } from "../config/permissions.ts";
import { tables, testDatabase, type TestDatabase } from "./database.ts";
import { testNode, type TestNode } from "./node.ts";
import { smallest, type Schema } from "./smallest.ts";

/** Every action that answers without a claim. A new one has to be written down here. */
const open = [
  "ai.ping",
  "auth.addresses.confirm",
  "auth.apikeys.leaked",
  "auth.invitations.accept",
  "auth.invitations.show",
  "auth.keys.public",
  "auth.keys.revoked",
  "auth.login",
  "auth.mfa.prove",
  "auth.oidc.exchange",
  "auth.organisations.create",
  "auth.passkeys.signIn",
  "auth.passkeys.signInOptions",
  "auth.passwords.forgot",
  "auth.passwords.reset",
  "auth.ping",
  "auth.sessions.refresh",
  "auth.social.begin",
  "auth.social.finish",
  "auth.social.providers",
  "auth.verify",
  "notification.webhooks.ping",
  "payment.ping",
  "payment.return",
  "payment.subscriptions.return",
  "payment.webhooks.receive",
  "sync.jobs.ping",
];

/** Lists in which every organisation has something of its own. */
const ownRows = ["auth.members.list", "auth.roles.list", "payment.tax.rates", "payment.tax.history"];
/** Tables whose rows of the platform every organisation reads. */
const shared = ["payment.tax_rates"];

let world: TestDatabase;
let node: TestNode;
let folder: string;
let actions: { name: string; permission: string; params: Schema; idempotent?: boolean; rest?: string | string[] }[];
let claimOf: (tenantId: string, may: readonly Permission[]) => Promise<string>;
/** The first organisation, with something of everything. */
let ours: string;
let other: string;
/** Tokens of their owners. */
const tokens: Record<string, string> = {};
const things = {
  source: "",
  schedule: "",
  job: "",
  group: "",
  asset: "",
  payment: randomUUID(),
  break: randomUUID(),
  fraudEntry: "",
  plan: randomUUID(),
  subscription: randomUUID(),
  refund: randomUUID(),
  method: randomUUID(),
  attempt: randomUUID(),
  invoice: "",
  key: "",
  webhook: "",
  delivery: randomUUID(),
  letter: randomUUID(),
  passkey: randomUUID(),
  identity: randomUUID(),
  mail: randomUUID(),
  paypalAccount: randomUUID(),
  paypalEvent: randomUUID(),
  dispute: randomUUID(),
  user: "",
  role: "their-own",
  account: "",
  invitation: "",
  session: "",
  client: "",
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "legendo-tenants-"));
  Object.assign(process.env, { SYNC_FILE_ROOTS: folder, SYNC_WRITE_ROOTS: folder, VAULT_URL: pathToFileURL(join(folder, "vault")).href });
  world = await testDatabase();
  node = await testNode(["api", "auth", "sync", "ai", "payment", "notification"], world);
  const { env } = await import("../config/env.ts");
  const { serviceClaim } = await import("../mixins/claim.ts");
  claimOf = (tenantId, may) => serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, [...may]);
  const registered = node.broker.registry.actions.list({ onlyLocal: true, skipInternal: true }) as unknown as {
    name: string;
    action: Omit<(typeof actions)[number], "name">;
  }[];
  // The edge's own action is called by its server alone; its routes are walked below.
  actions = registered.map(({ name, action }) => ({ ...action, name })).filter(({ name }) => name !== "api.rest");
  await fill();
});
afterAll(async () => {
  await node?.stop();
  await world?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const as = async <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]) =>
  call(node.broker, name, params, { meta: { claim: await claimOf(tenantId, permissions) } });

async function fill(): Promise<void> {
  const signUp = (organisation: string) =>
    call(node.broker, "auth.organisations.create", {
      organisation,
      email: `${organisation}@example.com`,
      password: "correct horse battery staple",
    });
  const { tenantId, userId, token, sessionId } = await signUp("ours");
  ours = tenantId;
  things.user = userId;
  things.session = sessionId;
  const others = await signUp("other");
  other = others.tenantId;
  Object.assign(tokens, { [ours]: token, [other]: others.token });
  for (const name of ["a.jpg", "b.jpg"]) copyFileSync(new URL("../samples/photos/forêt.jpg", import.meta.url), join(folder, name));
  things.source = (await as(ours, "sync.sources.create", { name: "spec", input: pathToFileURL(folder).href })).id;
  const plan = { name: "spec", sourceId: things.source, cron: "0 0 1 1 *", enabled: false };
  things.schedule = (await as(ours, "sync.schedules.create", plan)).id;
  const [job] = await as(ours, "sync.jobs.createMany", { jobs: [{ sourceId: things.source }] });
  things.job = job!.id;
  things.group = job!.groupId!;
  things.key = (await call(node.broker, "auth.apikeys.create", { name: "spec" }, { meta: { claim: token } })).id;
  things.client = (await call(node.broker, "auth.clients.create", { name: "spec", kind: "service" }, { meta: { claim: token } })).id;
  await as(ours, "auth.roles.create", { name: things.role, permissions: ["org:read"] });
  things.account = (await as(ours, "auth.accounts.create", { name: "spec", role: things.role })).id;
  things.invitation = (await as(ours, "auth.invitations.create", { email: "invited@example.com", role: things.role })).id;
  things.webhook = (await as(ours, "notification.webhooks.create", { url: "https://example.com/hook", events: ["payment.captured"] })).id;
  const insert = (table: string, row: Record<string, unknown>) =>
    world.admin.query(`insert into ${table} select * from json_populate_record(null::${table}, $1)`, [JSON.stringify(row)]);
  const at = new Date().toISOString();
  await world.admin.query(`insert into payment.payments (id, tenant_id, amount, amount_minor, currency) values ($1, $2, 5, 500, 'EUR')`, [
    things.payment,
    ours,
  ]);
  things.fraudEntry = (await as(ours, "payment.fraud.enter", { list: "block", kind: "country", value: "AQ", note: "spec" })).id;
  await as(ours, "payment.fraud.propose", { thresholds: { review: 1, block: 2 }, rules: [], note: "spec" });
  await insert("payment.fraud_assessments", {
    id: randomUUID(),
    tenant_id: ours,
    kind: "payment",
    object_id: things.payment,
    rule_set_version: 0,
    facts: {},
    decision: "allow",
    score: 0,
    reasons: [],
    differs: false,
    amount_minor: 500,
    currency: "EUR",
    created_at: at,
  });
  const billed = { tenant_id: ours, currency: "EUR", checks: 0, stale: false, simulated: false, created_at: at };
  const terms = { currency: "EUR", cycles: [{ tenure: "regular", unit: "month", count: 1, total: 0, price: "5.00" }] };
  const offered = { name: "spec", status: "active", product_id: "spec", terms, grace_days: 3, starts_active: true, updated_at: at };
  await insert("payment.plans", { id: things.plan, ...billed, ...offered });
  await insert("payment.subscriptions", {
    ...{ id: things.subscription, ...billed, customer: "spec", plan_id: things.plan, quantity: 1, status: "created", version: 0 },
    ...{ cycle_minor: 500, outstanding_minor: 0, failed_payments: 0, unit: "month", unit_count: 1, cycles: [] },
  });
  await insert("payment.reconciliation_breaks", {
    id: things.break,
    tenant_id: ours,
    kind: "unknown_reference",
    object_id: "spec",
    code: "T0006",
    currency: "EUR",
    at,
    state: "open",
    first_seen_at: at,
    last_seen_at: at,
    run_id: randomUUID(),
  });
  await insert("payment.payment_attempts", {
    ...{ id: things.attempt, tenant_id: ours, payment_id: things.payment, object_id: things.payment, operation: "create", number: 1 },
    ...{ request_id: "spec", key_expires_at: at, request_hash: "", outcome: "unknown", sends: 1, created_at: at },
  });
  await insert("payment.saved_methods", {
    id: things.method,
    tenant_id: ours,
    customer: "spec",
    status: "pending",
    refusals: 0,
    created_at: at,
  });
  await insert("payment.refunds", {
    id: things.refund,
    tenant_id: ours,
    payment_id: things.payment,
    capture_id: randomUUID(),
    kind: "refund",
    origin: "here",
    amount_minor: 100,
    currency: "EUR",
    status: "failed",
    checks: 0,
    created_at: at,
  });
  const seller = { name: "ours", street: "Weg 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" };
  await as(ours, "payment.seller.set", seller);
  const items = [{ name: "spec", quantity: 1, unitAmount: "10.00" }];
  const sold = { currency: "EUR", items, customer: { country: "DE" }, buyer: { name: "somebody" } };
  things.invoice = (await as(ours, "payment.invoices.create", sold)).id;
  await world.admin.query("update payment.invoices set subscription_id = $1 where id = $2", [things.subscription, things.invoice]);
  await as(ours, "payment.invoices.issue", { id: things.invoice });
  await insert("notification.webhook_deliveries", {
    id: things.delivery,
    tenant_id: ours,
    endpoint_id: things.webhook,
    event_id: randomUUID(),
    event_type: "payment.captured",
    body: "{}",
    status: "delivered",
    attempts: 1,
    created_at: at,
  });
  await insert("auth.passkeys", {
    id: things.passkey,
    user_id: things.user,
    credential_id: "spec",
    public_key: "\\x00",
    counter: 0,
    transports: [],
    name: "spec",
    aaguid: "",
    synced: false,
    created_at: at,
  });
  await insert("auth.identities", {
    id: things.identity,
    user_id: things.user,
    provider: "spec",
    issuer: "https://issuer.example",
    subject: "spec",
    created_at: at,
  });
  await insert("notification.mails", {
    id: things.mail,
    tenant_id: ours,
    template: "password-reset",
    recipient: "ours@example.com",
    status: "undelivered",
    attempts: 1,
    worth_until: at,
    created_at: at,
  });
  await insert("payment.paypal_accounts", {
    id: things.paypalAccount,
    tenant_id: ours,
    environment: "sandbox",
    client_id: "spec",
    version: 1,
    created_at: at,
  });
  await insert("payment.webhook_inbox", {
    id: things.paypalEvent,
    tenant_id: ours,
    account_id: things.paypalAccount,
    event_id: "WH-SPEC",
    type: "PAYMENT.CAPTURE.COMPLETED",
    resource_type: "capture",
    subject: `payment:${things.payment}`,
    body: "\\x7b7d",
    proved_by: "signature",
    state: "done",
    attempts: 1,
    event_at: at,
    received_at: at,
    finished_at: at,
  });
  await insert("payment.disputes", {
    id: things.dispute,
    tenant_id: ours,
    paypal_id: "PP-SPEC",
    payment_id: things.payment,
    capture_id: "SPEC",
    state: "resolved",
    outcome: "won",
    reason: "OTHER",
    paypal_status: "RESOLVED",
    stage: "CHARGEBACK",
    channel: "INTERNAL",
    amount_minor: 500,
    currency: "EUR",
    reminders: 0,
    opened_at: at,
    changed_at: at,
    resolved_at: at,
    created_at: at,
  });
  for (const schema of schemas)
    await insert(`${schema}.dead_letters`, {
      id: things.letter,
      tenant_id: ours,
      consumer: "none",
      event: {},
      attempts: 1,
      error_type: "INTERNAL_ERROR",
      error_message: "spec",
      created_at: at,
    });
  for (const limit = Date.now() + 30_000; ; await sleep(100)) {
    const { data } = await as(ours, "sync.assets.list", {});
    things.asset = data[0]?.id ?? "";
    const { completedAt } = await as(ours, "sync.jobs.get", { id: things.job });
    if (completedAt && data.length === 2 && data.every(({ mediaType }) => mediaType)) return;
    if (Date.now() > limit) throw new Error("the assets were not analysed in time");
  }
}

/** Which of the first organisation's things an action's id means. */
function idFor(action: string): string {
  const found = (
    [
      [/^payment\.webhooks\.|\/paypal\/events\/:id/, things.paypalEvent],
      [/^payment\.disputes\.|\/disputes\/:id/, things.dispute],
      [/^payment\.accounts\.|\/paypal\/accounts\/:id/, things.paypalAccount],
      [/\.replay$/, things.letter],
      [/^sync\.jobs\.|\/sync\/jobs\/:id/, things.job],
      [/^sync\.(sources\.|assets\.(at|differences)$)/, things.source],
      [/^sync\.schedules\./, things.schedule],
      [/^(sync\.(assets|vault)|ai\.(analyses|thumbnails))\.|\/assets\/:id/, things.asset],
      [/^payment\.fraud\.strike$/, things.fraudEntry],
      [/^payment\.plans\./, things.plan],
      [/^payment\.subscriptions\./, things.subscription],
      [/^payment\.reconciliation\./, things.break],
      [/^payment\.(invoices|invoicing)\.|\/invoices\/:id/, things.invoice],
      [/^payment\./, things.payment],
      [/^auth\.apikeys\./, things.key],
      [/^auth\.clients\./, things.client],
      [/^auth\.accounts\./, things.account],
      [/^auth\.invitations\./, things.invitation],
      [/^notification\.mail\./, things.mail],
      [/^auth\.sessions\./, things.session],
      [/^auth\.passkeys\./, things.passkey],
      [/^auth\.social\./, things.identity],
      [/^notification\.webhooks\.resend$/, things.delivery],
      [/^notification\.webhooks\./, things.webhook],
    ] as const
  ).find(([names]) => names.test(action));
  if (!found) throw new Error(`${action} takes an id: say here of what, so that the second organisation can ask for it.`);
  return found[1];
}

/** What a param that names a thing is given: one of the first organisation's. */
function thingFor(action: string, param: string): unknown {
  const known: Record<string, () => unknown> = {
    id: () => idFor(action),
    sourceId: () => things.source,
    targetId: () => things.source,
    scheduleId: () => things.schedule,
    groupId: () => things.group,
    assetId: () => things.asset,
    refundId: () => things.refund,
    methodId: () => things.method,
    attemptId: () => things.attempt,
    assetIds: () => [things.asset],
    after: () => [things.job],
    from: () => things.job,
    to: () => things.job,
    paymentId: () => things.payment,
    userId: () => things.user,
    planId: () => things.plan,
    subscriptionId: () => things.subscription,
    productOf: () => things.plan,
    accountId: () => things.account,
    account: () => things.paypalAccount,
    name: () => things.role,
    tenantId: () => ours,
    again: () => ours,
    subject: () => `user:${things.user}`,
  };
  const thing = known[param];
  if (!thing) throw new Error(`${action} takes ${param}: say here what it names, so that the second organisation can ask for it.`);
  return thing();
}
type Action = (typeof actions)[number];

/** The params that name things, whether they have to be given or not. */
const namesOf = ({ name, params }: Pick<Action, "name" | "params">): string[] =>
  Object.entries(params.properties ?? {})
    .filter(
      ([param, schema]) =>
        param === "subject" ||
        (param === "name" && /^auth\.roles\.(update|remove)$/.test(name)) ||
        [schema, schema.items, ...(schema.anyOf ?? [])].some((part) => part?.format === "uuid"),
    )
    .map(([param]) => param);

/** What has to stand beside a param for its sake. */
function besides(action: string, param: string): Record<string, unknown> {
  const place = pathToFileURL(join(folder, "elsewhere")).href;
  if (action.startsWith("sync.exports.")) {
    const origin = param === "sourceId" || param === "assetId" ? {} : { sourceId: things.source };
    return { ...origin, ...(param !== "targetId" && action !== "sync.exports.contents" && { output: place }) };
  }
  if (action === "sync.assets.differences") return { to: new Date().toISOString() };
  if (action === "sync.jobs.create" && param === "after") return { input: place };
  return {};
}

/** The smallest params that pass, with the first organisation's thing where one has to be named, and where `param` may name one. */
function paramsOf(action: Pick<Action, "name" | "params">, param?: string): Record<string, unknown> {
  const made: Record<string, unknown> = {
    ...(smallest(action.params) as Record<string, unknown>),
    // It takes one of two.
    ...(action.name === "auth.roles.explain" && { permission: "org:read" }),
    ...(param && besides(action.name, param)),
  };
  for (const name of namesOf(action)) if (name in made || name === param) made[name] = thingFor(action.name, name);
  return made;
}
/** Whether it can't be asked for without naming a thing; contents takes one of two. */
const takesId = (action: Action) =>
  action.name === "sync.exports.contents" || namesOf(action).some((name) => action.params.required?.includes(name));

interface Outcome {
  answer?: unknown;
  type?: string;
  code?: number;
  /** What is said to be wrong with. */
  pointers?: string[];
}

/** What an action answers or refuses with. */
async function outcome(action: Action, claim?: string, param?: string): Promise<Outcome> {
  try {
    return { answer: await node.broker.call<unknown, object>(action.name, paramsOf(action, param), claim ? { meta: { claim } } : {}) };
  } catch (error) {
    const { type, code, data } = error as { type: string; code: number; data?: { faults?: { pointer: string }[] } };
    return { type, code, ...(data?.faults && { pointers: data.faults.map(({ pointer }) => pointer) }) };
  }
}
/** The list that an answer is or holds. */
const listOf = (answer: unknown): unknown[] | undefined =>
  Array.isArray(answer) ? answer : (answer as { data?: unknown[] } | undefined)?.data;
const closed = () => actions.filter(({ permission }) => permission !== "public");
/** What is about one's own account asks for a person, who has signed in. */
const personal = ({ permission }: Action) => permission === "account:manage";
/** An owner's token, which has all that can be granted; what is internal is called by services alone. */
const claimFor = (action: Action, tenantId: string) =>
  action.permission === "internal" ? claimOf(tenantId, permissions) : tokens[tenantId]!;
/** Whether a refusal says that there is no such thing; for a person or another organisation that the caller has no place there. */
const isUnknown = (param: string, { answer, code, pointers }: Outcome) =>
  code === 404 ||
  listOf(answer)?.length === 0 ||
  (["subject", "tenantId"].includes(param) && code === 403) ||
  (code === 422 && pointers?.some((pointer) => pointer.startsWith(`/${param}`)) === true);

describe("every action of every service", () => {
  it("is known here when it is public", () => {
    expect(actions.length).toBeGreaterThan(30);
    expect(
      actions
        .filter(({ permission }) => permission === "public")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(open);
  });

  it("refuses a caller without a claim, with a made-up one, and with bare meta", async () => {
    for (const action of closed()) {
      expect({ name: action.name, ...(await outcome(action)) }).toMatchObject({ name: action.name, type: "UNAUTHENTICATED", code: 401 });
      expect({ name: action.name, ...(await outcome(action, "made.up.claim")) }).toMatchObject({ type: "UNAUTHENTICATED" });
      const meta = { tenantId: ours, permissions, user: { tenantId: ours }, $repl: true };
      await expect(node.broker.call(action.name, paramsOf(action), { meta })).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
    }
  });

  it("refuses a claim without its permission", async () => {
    for (const action of closed()) {
      const may = permissions.filter((permission) => permission !== action.permission);
      for (const claim of [await claimOf(ours, []), await claimOf(ours, may)])
        expect({ name: action.name, ...(await outcome(action, claim)) }).toMatchObject({ name: action.name, type: "FORBIDDEN", code: 403 });
    }
  });

  it("has no thing of another organisation, though its id is known", async () => {
    let asked = 0;
    for (const action of closed())
      for (const param of namesOf(action)) {
        const claim = await claimFor(action, other);
        const met = await outcome(action, claim, param);
        expect({ name: action.name, param, ...met, unknown: isUnknown(param, met) }).toMatchObject({ param, unknown: true });
        asked++;
      }
    expect(asked).toBeGreaterThan(40);
  });

  it("catalogues no object of another organisation as an upload", async () => {
    const { rows } = await world.admin.query<{ id: string; storageKey: string }>(
      `select id, storage_key as "storageKey" from sync.packs where tenant_id = $1`,
      [ours],
    );
    const record = actions.find(({ name }) => name === "sync.uploads.record")!;
    const made = paramsOf(record) as { parts: object[] };
    for (const pack of rows) {
      const params = { ...made, path: "theirs.jpg", parts: [{ ...made.parts[0], ...pack }] };
      const meta = { claim: await claimOf(other, permissions) };
      await expect(node.broker.call(record.name, params, { meta })).rejects.toMatchObject({ type: "FORBIDDEN", code: 403 });
    }
    expect(rows.length).toBeGreaterThan(0);
  });

  it("shows nothing of one organisation in the lists of another", async () => {
    const secrets = [ours, ...Object.values(things), folder];
    // The audit log tells what its organisation has asked for, the ids of others' things included; its own spec sees to the rest.
    const silent = closed().filter((action) => action.idempotent && !takesId(action) && action.name !== "auth.audit.list");
    for (const action of silent) {
      const { answer, type } = await outcome(action, await claimFor(action, other));
      const told = JSON.stringify(answer) ?? "";
      expect({ name: action.name, type, told: secrets.filter((secret) => told.includes(secret)) }).toEqual({ name: action.name, told: [] });
      const list = ownRows.includes(action.name) || personal(action) ? undefined : listOf(answer);
      if (list) expect({ name: action.name, list }).toEqual({ name: action.name, list: [] });
    }
  });

  it("does find those things for their own organisation", async () => {
    const reads = closed().filter((action) => (action.rest ? [action.rest].flat()[0]!.startsWith("GET") : action.idempotent));
    let found = 0;
    for (const action of reads)
      for (const param of namesOf(action)) {
        const { answer, ...refusal } = await outcome(action, await claimFor(action, ours), param);
        expect({ name: action.name, param, found: answer !== undefined, ...refusal }).toEqual({ name: action.name, param, found: true });
        found++;
      }
    expect(found).toBeGreaterThan(14);
  });
});

/** A route of the edge, of its own or of an action, in the form of an action. */
interface EdgeRoute {
  method: string;
  path: string;
  permission: string;
  params: Schema;
  action?: string;
  stream?: boolean;
}
const routes = () => (node.broker.getLocalService("api") as unknown as { gateway: { table: { all(): EdgeRoute[] } } }).gateway.table.all();
const asAction = ({ method, path, action, params }: EdgeRoute) => ({ name: action ?? `${method} ${path}`, params });

/** Asks a route as HTTP clients do. */
async function asked(route: EdgeRoute, token?: string, param?: string): Promise<Outcome> {
  const { address } = node.broker.getLocalService("api") as unknown as { address: string };
  const left = paramsOf(asAction(route), param);
  const path = route.path.replace(/:(\w+)/g, (_part, name: string) => {
    const value = String(left[name]);
    delete left[name];
    return encodeURIComponent(value);
  });
  const inQuery = route.method === "GET" || route.method === "DELETE" || route.stream === true;
  const query = new URLSearchParams(inQuery ? Object.entries(left).map(([name, value]): [string, string] => [name, String(value)]) : []);
  const leaving = new AbortController();
  const response = await fetch(`${address}${path}?${query.toString()}`, {
    method: route.method,
    headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(!inQuery && { "Content-Type": "application/json" }) },
    ...(!inQuery && { body: JSON.stringify(left) }),
    signal: leaving.signal,
  });
  const { status: code } = response;
  if (code === 204) return { code };
  if (!response.headers.get("content-type")?.includes("json")) {
    // A stream of events does not end by itself.
    leaving.abort();
    return { code, answer: response.headers.get("content-type") };
  }
  const body = (await response.json()) as { data?: unknown; code?: string; errors?: { pointer: string }[] };
  return {
    code,
    answer: body.data,
    ...(body.code && { type: body.code }),
    ...(body.errors && { pointers: body.errors.map(({ pointer }) => pointer) }),
  };
}

describe("every route of the edge", () => {
  it("is that of an action that is walked here, or the edge's own", () => {
    const stated = actions.flatMap(({ name, rest }) => [rest ?? []].flat().map((line) => `${name} ${line.replace(" /", " /api/v1/")}`));
    const known = routes().flatMap(({ action, method, path }) => (action ? [`${action} ${method} ${path}`] : []));
    expect(known.sort()).toEqual(stated.sort());
    expect(routes().length).toBeGreaterThan(known.length + 5);
  });

  it("refuses a caller without a credential", async () => {
    for (const route of routes().filter(({ permission }) => permission !== "public"))
      expect({ ...asAction(route), ...(await asked(route)) }).toMatchObject({ type: "UNAUTHENTICATED", code: 401 });
  });

  it("has no thing of another organisation for its owner's token, though its id is known", async () => {
    let walked = 0;
    for (const route of routes().filter(({ permission }) => permission !== "public"))
      for (const param of namesOf(asAction(route))) {
        const met = await asked(route, tokens[other], param);
        const { name } = asAction(route);
        expect({ name, param, ...met, unknown: isUnknown(param, met) }).toMatchObject({ name, param, unknown: true });
        walked++;
      }
    expect(walked).toBeGreaterThan(40);
  });

  it("refuses a member without its permission", async () => {
    const { userId } = await call(node.broker, "auth.organisations.create", {
      organisation: "third",
      email: "third@example.com",
      password: "correct horse battery staple",
    });
    await as(ours, "auth.roles.create", { name: "nothing", permissions: [] });
    await world.admin.query(`insert into auth.memberships (tenant_id, user_id, role) values ($1, $2, 'nothing')`, [ours, userId]);
    const signedIn = { email: "third@example.com", password: "correct horse battery staple", tenantId: ours };
    const { token } = await call(node.broker, "auth.login", signedIn);
    for (const route of routes().filter(({ permission }) => !["public", "account:manage"].includes(permission)))
      expect({ ...asAction(route), ...(await asked(route, token)) }).toMatchObject({ type: "FORBIDDEN", code: 403 });
  });
});

describe("a service's database role", () => {
  it("sees no row without an organisation, and none of another's", async () => {
    const all = await tables(world.admin);
    let rows = 0;
    for (const schema of schemas) {
      const db = await world.open(schema);
      for (const { table } of all.filter((found) => found.schema === schema)) {
        const name = `${schema}.${table}`;
        const count = `select count(*)::int as n from ${name}${shared.includes(name) ? ` where tenant_id <> '${platform}'` : ""}`;
        const seen = async (via: typeof db.nobody) => (await via(async (em) => await em.execute<{ n: number }[]>(count)))[0]!.n;
        rows += (await world.admin.query<{ n: number }>(count)).rows[0]!.n;
        const nobody = await seen((work) => db.nobody(work));
        const another = await seen((work) => db.tenant(randomUUID(), work));
        expect({ name, nobody, another }).toEqual({ name, nobody: 0, another: 0 });
      }
    }
    expect(all.length).toBeGreaterThan(50);
    expect(rows).toBeGreaterThan(20);
  });
});
