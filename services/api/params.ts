import type { TSchema } from "typebox";
import Value from "typebox/value";
import { errors, type Fault } from "../../config/errors.ts";
import type { JsonObjectSchema } from "./routes.ts";

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
    const texts = query.getAll(name);
    if (isArray(property))
      put(
        name,
        texts.map((text) => convert(property.items, text)),
        "in the query",
      );
    else for (const text of new Set(texts)) put(name, convert(property, text), "in the query");
  }
  for (const [name, text] of Object.entries(path)) put(name, convert(schema.properties?.[name], text), "in the path");
  if (faults.length) throw errors.invalid(faults);
  // fromEntries defines members, so that one called __proto__ is a member like any other and is refused as unknown.
  return Object.fromEntries(merged);
}

function convert(schema: TSchema | undefined, text: string): unknown {
  if (!schema) return text;
  const converted = Value.Convert(schema, text);
  return String(converted) === text ? converted : text;
}

const isArray = (schema: TSchema | undefined): schema is TSchema & { items: TSchema } =>
  (schema)?.type === "array";

/** RFC 6901. */
const pointerTo = (name: string) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
