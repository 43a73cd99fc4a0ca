import Value from "typebox/value";
import { errors, type Fault } from "../../config/errors.ts";
import type { JsonObjectSchema, PropertySchema } from "./routes.ts";

/**
 * One object from path, query and body; a name may come from several places only with the same value. Path and query are text and are
 * converted to the type that the schema states where that loses nothing ("12" → 12; "12.7", "1e3" or "yes" stay text and are refused by the action).
 * @throws VALIDATION_FAILED naming every name that comes with different values
 */
export function mergeParams(
  schema: JsonObjectSchema,
  path: Record<string, string>,
  query: URLSearchParams,
  body: Record<string, unknown>,
): Record<string, unknown> {
  const merged = new Map<string, unknown>(Object.entries(body));
  const faults: Fault[] = [];
  const put = (name: string, value: unknown, place: string) => {
    if (merged.has(name) && !Value.Equal(merged.get(name), value)) {
      faults.push({ pointer: pointerTo(name), detail: `comes twice with different values, once ${place}` });
    }
    merged.set(name, value);
  };
  for (const name of new Set(query.keys())) {
    const property = schema.properties?.[name];
    const values = query.getAll(name).map((text) => convert(property?.items ?? property, text));
    if (property?.type === "array") put(name, values, "in the query");
    else for (const value of values) put(name, value, "in the query");
  }
  for (const [name, text] of Object.entries(path)) put(name, convert(schema.properties?.[name], text), "in the path");
  if (faults.length) throw errors.invalid(faults);
  // fromEntries defines members, so that one called __proto__ is a member like any other and is refused as unknown.
  return Object.fromEntries(merged);
}

/**
 * Text as the type that a published JSON Schema asks for. TypeBox's own Convert needs what JSON leaves out of its schemas, and rounds.
 * Text that doesn't read as that type stays text, for the action to refuse.
 */
function convert(schema: PropertySchema | undefined, text: string): unknown {
  const choices = schema?.anyOf ?? [schema ?? {}];
  if (choices.some(({ type }) => type === "string")) return text;
  for (const { type } of choices) {
    const value = type && readers[type]?.(text);
    // Only what is written as we would write it: 1e3, 007 and 0x10 are left for the action to refuse.
    if (value !== undefined && String(value) === text) return value;
  }
  return text;
}

const readers: Record<string, (text: string) => number | boolean> = { integer: Number, number: Number, boolean: (text) => text === "true" };

/** RFC 6901. */
const pointerTo = (name: string) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
