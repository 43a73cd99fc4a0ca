import { unit } from "./bodies.ts";
import { Complaints } from "./complaints.ts";
import { complainAboutOrder, demandUnit, demandUnits, type OrderAmount, type PurchaseUnit } from "./neworder.ts";
import type { Order } from "./orders.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { demandShape } from "./shape.ts";
import type { World } from "./world.ts";

interface Change {
  op?: string;
  path?: string;
  value?: unknown;
}

const textFields = ["custom_id", "invoice_id", "description", "soft_descriptor"] as const;
const otherFields = ["amount", "items", "shipping", "payee"] as const;
const unitPath = /^\/purchase_units\/@reference_id=='([^']{1,256})'(?:\/(.+))?$/;

const malformed = (issue: string, field: string) => new Refused(failure(400, { issue, field, location: "body" }));

/** One change of one unit. */
function changeUnit(before: PurchaseUnit, field: string, { op, value }: Change): PurchaseUnit {
  const known = [...textFields, ...otherFields].find((one) => one === field);
  if (!known) throw malformed("FIELD_NOT_PATCHABLE", field);
  if (op === "remove") {
    if (known === "amount") throw malformed("INVALID_PATCH_OPERATION", field);
    const { [known]: _gone, ...rest } = before;
    return rest;
  }
  demandShape(value, unit[known], `/${known}`);
  const complaints = new Complaints();
  if (known === "amount") complaints.amount(value, "/amount", true);
  else if ((textFields as readonly string[]).includes(known)) complaints.text(value, `/${known}`, known === "soft_descriptor" ? 22 : 127);
  complaints.finish();
  return { ...before, [known]: value };
}

/** A unit in place of another. */
function newUnit(reference: string, value: unknown): PurchaseUnit {
  const body = { intent: "CAPTURE", purchase_units: [{ ...(value as object), reference_id: reference }] };
  demandShape(value, unit, "/purchase_units");
  const complaints = new Complaints();
  complainAboutOrder(body, complaints);
  complaints.finish();
  return body.purchase_units[0] as PurchaseUnit;
}

/** Whether two amounts ask the payer for the same. */
const isSame = (one: OrderAmount, other: OrderAmount) => one.value === other.value && one.currency_code === other.currency_code;

/**
 * Changes an order that is not completed, all changes or none. After the payer has agreed the amount stays as it is.
 * @throws Refused naming the first change that PayPal would not make.
 */
export function patchOrder(world: World, order: Order, body: unknown): Reply {
  if (order.status === "COMPLETED" || order.status === "VOIDED")
    throw refused("ORDER_ALREADY_COMPLETED", "The order cannot be patched after it is completed.");
  if (!Array.isArray(body) || body.length === 0) throw malformed("MISSING_REQUIRED_PARAMETER", "/");
  let { intent, units } = order;
  for (const change of body as Change[]) {
    if (!change.path) throw refused("PATCH_PATH_REQUIRED", "Specify a path for the field for which the operation needs to be performed.");
    if (!["add", "replace", "remove"].includes(change.op ?? "")) throw malformed("INVALID_PATCH_OPERATION", change.path);
    if (change.op !== "remove" && change.value === undefined)
      throw refused("PATCH_VALUE_REQUIRED", "Specify a value for the field being patched.");
    if (change.path === "/intent") {
      if (change.value !== "CAPTURE" && change.value !== "AUTHORIZE") throw malformed("INVALID_PARAMETER_VALUE", "/intent");
      intent = change.value;
      continue;
    }
    const [, reference, field] = unitPath.exec(change.path) ?? [];
    if (!reference)
      throw change.path.startsWith("/purchase_units")
        ? refused("INVALID_JSON_POINTER_FORMAT")
        : malformed("FIELD_NOT_PATCHABLE", change.path);
    if (!units.some((unit) => unit.reference_id === reference)) throw refused("REFERENCE_ID_NOT_FOUND");
    const changed = (before: PurchaseUnit) => (field ? changeUnit(before, field, change) : newUnit(reference, change.value));
    units = units.map((one) => (one.reference_id === reference ? changed(one) : one));
  }
  units.forEach(demandUnit);
  demandUnits({ intent, purchase_units: units });
  if (order.status === "APPROVED" && units.some((unit, index) => !isSame(unit.amount, order.units[index]!.amount)))
    throw refused("AMOUNT_CHANGE_NOT_ALLOWED", "The amount cannot be changed after the payer has approved it.");
  Object.assign(order, { intent, units, updatedAt: world.clock.now() });
  return { status: 204 };
}
