import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import type { SavedMethodStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import { SavedMethod, type SavedMethodRow } from "../../../entities/SavedMethod.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { once } from "../../../mixins/events.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { vaultGateway } from "../gateway/vault.ts";
import type { Till } from "../till.ts";
import { urlFaults } from "../weburl.ts";

/** A saved way to pay, as its tenant sees it. */
export interface ShownMethod {
  id: string;
  customer: string;
  /** pending: the customer has still to agree at `approvalUrl`. */
  status: SavedMethodStatus;
  approvalUrl: string | null;
  label: string | null;
  createdAt: string;
  savedAt: string | null;
}

export const showMethod = (method: SavedMethodRow): ShownMethod => ({
  id: method.id,
  customer: method.customer,
  status: method.status,
  approvalUrl: method.status === "pending" ? (method.approvalUrl ?? null) : null,
  label: method.label ?? null,
  createdAt: method.createdAt.toISOString(),
  savedAt: method.savedAt?.toISOString() ?? null,
});

export interface NewMethod {
  customer: string;
  returnUrl: string;
  cancelUrl: string;
}

/** @throws METHOD_NOT_FOUND, also for another organisation's */
export async function readMethod(db: Database, tenantId: string, id: string): Promise<SavedMethodRow> {
  const method = await db.tenant(tenantId, (em) => em.findOne(SavedMethod, { id, tenantId }));
  if (!method) throw errors.methodNotFound("There is no such saved method.", { id });
  return method;
}

/** Those of a customer that can be paid with, newest first, at most 200. */
export const listMethods = (db: Database, tenantId: string, customer: string): Promise<SavedMethodRow[]> =>
  db.tenant(tenantId, (em) =>
    em.find(SavedMethod, { tenantId, customer, status: "active" }, { orderBy: { createdAt: "desc", id: "desc" }, limit: 200 }),
  );

/**
 * Begins to save a PayPal account: the customer agrees at `approvalUrl`, afterwards `saveMethod` keeps it. The row stands before PayPal hears of it; a
 * repeat under the same key goes on with the same one.
 * @throws VALIDATION_FAILED, IDEMPOTENCY_KEY_REUSED, METHOD_REFUSED with PayPal's issue, PAYMENT_GATEWAY_UNAVAILABLE when its answer was lost: ask again with the same key
 */
export async function beginMethod(till: Till, { tenantId }: Principal, input: NewMethod, key?: string): Promise<SavedMethodRow> {
  const faults = urlFaults(input, ["returnUrl", "cancelUrl"]);
  if (faults.length) throw errors.invalid(faults);
  const paypal = await till.paypal(tenantId);
  const { id } = await till.db.tenant(tenantId, (em) =>
    once(em, "payment", { tenantId, action: "payment.methods.begin", key, params: input }, () => {
      const { accountId } = paypal;
      const method = em.create(SavedMethod, { id: uuidv7(), tenantId, customer: input.customer, accountId, createdAt: new Date() });
      em.persist(method);
      describeAct({ object: `method:${method.id}` });
      return Promise.resolve({ id: method.id });
    }),
  );
  const known = await readMethod(till.db, tenantId, id);
  if (known.setupId != null) return known;
  const { returnUrl, cancelUrl } = input;
  const setup = valueOf(await vaultGateway(paypal.connection).setup({ returnUrl, cancelUrl }, `${id}:setup`), id);
  return write(till.db, tenantId, id, (method) => {
    method.setupId = setup.id;
    method.approvalUrl = setup.approvalUrl;
  });
}

/**
 * Keeps what the customer has agreed to. A repeat changes nothing.
 * @throws METHOD_NOT_FOUND, METHOD_REFUSED (PAYER_ACTION_REQUIRED as long as the customer has not agreed), PAYMENT_GATEWAY_UNAVAILABLE
 */
export async function saveMethod(till: Till, { tenantId }: Principal, id: string): Promise<SavedMethodRow> {
  const known = await readMethod(till.db, tenantId, id);
  if (known.status !== "pending") return known;
  if (known.setupId == null) throw errors.methodRefused("PayPal has not confirmed it yet: begin again.", { id });
  const { connection } = await till.paypal(tenantId, known.accountId);
  const answer = await vaultGateway(connection).save(known.setupId, `${id}:save:${known.refusals}`);
  if (answer.outcome === "refused")
    await write(till.db, tenantId, id, (method) => {
      method.refusals = known.refusals + 1;
    });
  const token = valueOf(answer, id);
  return write(till.db, tenantId, id, (method) => {
    if (method.status !== "pending") return;
    method.status = "active";
    method.vaultId = token.id;
    method.label = token.email && token.email.replace(/^(.{1,2})[^@]*/, "$1…");
    method.approvalUrl = null;
    method.savedAt = new Date();
  });
}

/**
 * Nothing is paid with it from now on, and PayPal forgets it.
 * @throws METHOD_NOT_FOUND, PAYMENT_GATEWAY_UNAVAILABLE when PayPal has not confirmed it: it can't be paid with all the same; a repeat asks again
 */
export async function removeMethod(till: Till, { tenantId }: Principal, id: string): Promise<SavedMethodRow> {
  const removed = await write(till.db, tenantId, id, (method) => {
    method.status = "removed";
    method.removedAt ??= new Date();
    method.approvalUrl = null;
  });
  if (removed.vaultId == null) return removed;
  const { connection } = await till.paypal(tenantId, removed.accountId);
  const answer = await vaultGateway(connection).remove(removed.vaultId);
  // PayPal knows it no more: it was removed before, here or there.
  if (answer.outcome !== "refused" || answer.httpStatus !== 404) valueOf(answer, id);
  return write(till.db, tenantId, id, (method) => {
    method.vaultId = null;
  });
}

/** The saved method of a payment, to be paid with now. @throws VALIDATION_FAILED when there is none that can be */
export async function usableMethod(em: Em, tenantId: string, accountId: string | null, methodId: string): Promise<SavedMethodRow> {
  const method = await em.findOne(SavedMethod, { tenantId, id: methodId, status: "active" });
  if (method && (method.accountId ?? null) === accountId) return method;
  const detail = method
    ? "is kept by another PayPal account than the one that payments go to now"
    : "must be a saved method that is active";
  throw errors.invalid([{ pointer: "/methodId", detail }]);
}

function valueOf<T>(answer: Outcome<T>, id: string): T {
  if (answer.outcome === "ok") return answer.value;
  if (answer.outcome === "refused") throw errors.methodRefused(`PayPal refused it: ${answer.detail}`, { id, issue: answer.issue });
  throw errors.gatewayUnavailable(`PayPal has not confirmed it (${answer.reason}); the same request again goes on.`, { id });
}

function write(db: Database, tenantId: string, id: string, change: (method: SavedMethodRow) => void): Promise<SavedMethodRow> {
  return db.tenant(tenantId, async (em) => {
    const method = await em.findOne(SavedMethod, { id, tenantId });
    if (!method) throw errors.methodNotFound("There is no such saved method.", { id });
    change(method);
    return method;
  });
}
