import Type, { type Static } from "typebox";
import { granted, type Permission } from "./permissions.ts";

/** Kinds of things that rules of roles look at, and what they look at of each. */
export interface Things {
  /** `owner` made it; `source` is the place that it syncs. */
  job: { owner: string | null; source: string | null };
  source: { source: string | null };
  asset: { source: string | null };
  /** `amount` in the currency's main unit. */
  payment: { owner: string | null; amount: number; currency: string };
}
export type Kind = keyof Things;

/** Which things a permission is about. A permission that is missing here is about none that a rule could look at. */
export const kindsOf: Partial<Record<Permission, readonly Kind[]>> = {
  "sync:read": ["job", "source"],
  "sync:write": ["job", "source"],
  "assets:read": ["asset"],
  "payment:read": ["payment"],
  "payment:write": ["payment"],
  "payment:refund": ["payment"],
};

/** The kinds that each part of a rule applies to. */
export const partKinds = { own: ["job", "payment"], sources: ["job", "source", "asset"], maximum: ["payment"] } as const;

const clock = (description: string) => Type.String({ pattern: "^([01]\\d|2[0-3]):[0-5]\\d$", description });
const closed = { additionalProperties: false };

/** Parts that a rule may have; all that it has must hold. */
const ruleParts = {
  own: Type.Optional(Type.Literal(true, { description: "Only jobs and payments that the caller has made." })),
  sources: Type.Optional(
    Type.Array(Type.String({ format: "uuid" }), {
      minItems: 1,
      maxItems: 100,
      description: "Only these sources, their jobs and their assets.",
    }),
  ),
  maximum: Type.Optional(
    Type.Object(
      {
        amount: Type.String({ pattern: "^\\d{1,12}(\\.\\d{1,3})?$", description: 'Decimal string, e.g. "500.00".' }),
        currency: Type.String({ pattern: "^[A-Z]{3}$", description: "ISO 4217 code; other currencies are refused." }),
      },
      { ...closed, description: "Only payments up to this amount." },
    ),
  ),
  hours: Type.Optional(
    Type.Object(
      {
        days: Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7, description: "1 is Monday, 7 Sunday." }),
        from: clock("From this time on, e.g. 08:00."),
        to: clock("Before this time; an earlier one than `from` is on the next day."),
        timeZone: Type.String({ minLength: 1, maxLength: 64, description: "IANA name, e.g. Europe/Berlin." }),
      },
      { ...closed, description: "Only at these times." },
    ),
  ),
};

/** A rule of a role: what its permissions are limited to. A permission that no rule of the role names is not limited. */
export const ruleSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100, description: "What people call it; a refusal names it." }),
    permissions: Type.Array(Type.Enum([...granted]), {
      minItems: 1,
      maxItems: 50,
      description: "Permissions of the role that it limits.",
    }),
    confidential: Type.Optional(Type.Boolean({ description: "Whether a refusal hides it from who can't read roles." })),
    ...ruleParts,
  },
  closed,
);
export type Rule = Static<typeof ruleSchema>;

/** What auth says that a subject may do. */
export interface Grant {
  /** Of the organisation's policy; grows with every change. */
  version: number;
  role: string | null;
  /** Whose things are its own: a principal's userId. */
  userId: string | null;
  permissions: readonly Permission[];
  rules: Rule[];
}
