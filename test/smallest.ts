import { randomUUID } from "node:crypto";

/** The part of JSON Schema that our params use. */
export interface Schema {
  type?: string;
  format?: string;
  pattern?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  minLength?: number;
  minimum?: number;
  minItems?: number;
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
}

const formats: Record<string, () => string> = {
  uuid: randomUUID,
  email: () => "somebody@example.com",
  uri: () => "https://example.com/",
  date: () => "2026-01-01",
  "date-time": () => new Date(0).toISOString(),
};

/** A value that the schema takes, with as little in it as that allows. @throws when the schema asks for more than is known here. */
export function smallest(schema: Schema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return smallest(schema.anyOf[0]!);
  switch (schema.type) {
    case "object":
      return Object.fromEntries((schema.required ?? []).map((name) => [name, smallest(schema.properties![name]!)]));
    case "array":
      return Array.from({ length: schema.minItems ?? 0 }, () => smallest(schema.items!));
    case "string":
      return text(schema);
    case "integer":
    case "number":
      return schema.minimum ?? 0;
    case "boolean":
      return false;
    case undefined:
    default:
      throw new Error(`No value is known for ${JSON.stringify(schema)}.`);
  }
}

function text({ format, pattern, minLength = 0 }: Schema): string {
  if (format) {
    const make = formats[format];
    if (!make) throw new Error(`No text of format "${format}" is known.`);
    return make();
  }
  const tries = [
    "x".repeat(minLength),
    "x",
    "1.00",
    "EUR",
    "DE",
    "1",
    "0".repeat(6),
    "0".repeat(64),
    `user:${randomUUID()}`,
    `lgi_${"x".repeat(43)}`,
  ];
  const found = tries.find((value) => value.length >= minLength && (!pattern || new RegExp(pattern).test(value)));
  if (found === undefined) throw new Error(`No text is known that matches ${pattern}.`);
  return found;
}
