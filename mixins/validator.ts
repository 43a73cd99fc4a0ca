import { Validators, type ServiceBroker } from "moleculer";
import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import Value from "typebox/value";
import { errors, type Fault } from "../config/errors.ts";

/** Checks params against the action's TypeBox schema, fills in its defaults, and names every fault at once. */
export class SchemaValidator extends Validators.Base {
  override compile(schema: unknown) {
    if (!isJsonSchema(schema)) throw new Error("Params are declared with TypeBox: strict({ … })");
    const check = Compile(schema);
    return ((params: unknown) => validate(check, params)) as never;
  }

  override validate(params: unknown, schema: unknown): boolean {
    validate(Compile(schema as TSchema), params);
    return true;
  }

  /** Schemas are JSON Schema already; there is no Moleculer dialect to translate. */
  override convertSchemaToMoleculer(schema: unknown) {
    return schema as never;
  }

  override middleware(_broker: ServiceBroker) {
    return {
      name: "Validator",
      localAction(next: (ctx: { params: unknown }) => unknown, action: { name: string; params?: unknown }) {
        // Moleculer's own $node actions speak its own dialect and take nothing from strangers.
        if (!action.params || action.name.startsWith("$")) return next;
        if (!isJsonSchema(action.params)) throw new Error(`Action ${action.name} must declare its params with TypeBox: strict({ … })`);
        const schema = action.params;
        const check = Compile(schema);
        const defaults = hasDefaults(schema);
        return function (this: unknown, ctx: { params: unknown }) {
          try {
            // A local caller's object is not ours to write to: defaults go into a copy.
            if (defaults) ctx.params = Value.Default(schema, { ...(ctx.params as object) });
            validate(check, ctx.params ?? {});
          } catch (error) {
            // Thrown, the bulkhead outside would count it as running for ever.
            return Promise.reject(error);
          }
          return next.call(this as never, ctx);
        };
      },
    } as never;
  }
}

const isJsonSchema = (schema: unknown): schema is TSchema =>
  typeof schema === "object" && schema !== null && (schema as { type?: unknown }).type === "object";
const hasDefaults = (schema: TSchema) =>
  Object.values((schema as { properties?: Record<string, { default?: unknown }> }).properties ?? {}).some(
    (property) => property.default !== undefined,
  );

function validate(check: Validator, params: unknown): true {
  if (check.Check(params)) return true;
  throw errors.invalid(faultsOf(check, params));
}

/**
 * Faults with RFC 6901 pointers; the rejected values themselves are left out, for they may be secrets.
 * @param within pointer of what was checked
 */
export function faultsOf(check: Validator, params: unknown, within = ""): Fault[] {
  const found = new Map<string, Fault>();
  const add = (pointer: string, detail: string) => found.has(pointer + detail) || found.set(pointer + detail, { pointer, detail });
  for (const fault of check.Errors(params)) {
    if (fault.keyword === "required")
      for (const name of fault.params.requiredProperties) add(`${within}${fault.instancePath}/${name}`, "is required");
    else if (fault.keyword === "additionalProperties")
      for (const name of fault.params.additionalProperties) add(`${within}${fault.instancePath}/${name}`, "is not known here");
    else if (fault.keyword !== "boolean") add(within + fault.instancePath || "/", fault.message);
  }
  return [...found.values()];
}
