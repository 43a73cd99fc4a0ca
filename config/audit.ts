import Type from "typebox";
import { actOutcomes } from "./acts.ts";

const text = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 500, description }));
const moment = (description: string) => Type.Optional(Type.String({ format: "date-time", description }));

/** What lists of the audit log may be narrowed to: params of the auth service's action and of the edge's export. */
export const auditFilter = {
  actor: text('Only by this one, e.g. "user:<id>" or "key:<id>".'),
  action: text('Only this, e.g. "apikey.created".'),
  outcome: Type.Optional(Type.Enum(actOutcomes, { description: "Only what ended so." })),
  from: moment("Only what was done then or later."),
  to: moment("Only what was done before."),
};
