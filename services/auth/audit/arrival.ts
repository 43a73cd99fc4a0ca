import Type from "typebox";
import { Compile } from "typebox/compile";
import { actOutcomes, type Act } from "../../../config/acts.ts";

const text = Type.String({ maxLength: 500 });
const maybe = Type.Union([text, Type.Null()]);
const uuid = Type.String({ format: "uuid" });
const detail = Type.Union([text, Type.Number(), Type.Boolean(), Type.Null(), Type.Array(text, { maxItems: 100 })]);

/** An act as services publish it. What does not look like one never was an act of ours. */
const check = Compile(
  Type.Object(
    {
      id: uuid,
      at: Type.String({ pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}\\.\\d{3}Z$" }),
      tenantId: uuid,
      actor: maybe,
      userId: Type.Union([uuid, Type.Null()]),
      action: text,
      object: maybe,
      outcome: Type.Enum(actOutcomes),
      code: maybe,
      call: maybe,
      requestId: maybe,
      node: maybe,
      details: Type.Union([Type.Record(text, detail), Type.Null()]),
      address: maybe,
      userAgent: maybe,
    },
    { additionalProperties: false },
  ),
);

/** @throws SyntaxError, Error naming the first fault */
export function actFrom(json: string): Act {
  const given: unknown = JSON.parse(json);
  if (check.Check(given)) return given;
  const [fault] = check.Errors(given);
  throw new Error(`${fault?.instancePath || "/"} ${fault?.message ?? "is not an act"}`);
}
