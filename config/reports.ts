import Type from "typebox";

const date = (description: string) => Type.Optional(Type.String({ format: "date", description }));

const timeZone = Type.Optional(
  Type.String({ minLength: 1, maxLength: 64, description: "Whose days: an IANA name such as Europe/Berlin. UTC when left out." }),
);

const period = {
  from: date("First day, yyyy-mm-dd; thirty days up to the last when left out."),
  to: date("Last day, yyyy-mm-dd; today when left out."),
};
const step = (usual: string) =>
  Type.Optional(
    Type.Enum(["day", "month", "all"], { description: `Rows per day or per month, or one for all of it; ${usual} when left out.` }),
  );

/** What the financial report may be asked for: params of the payment service's action and of the edge's export. */
export const financeFilter = {
  ...period,
  timeZone,
  step: step("day"),
  methods: Type.Optional(Type.Boolean({ description: "Whether each way to pay has rows of its own; not when left out." })),
};

/** What the tax report may be asked for, likewise. */
export const taxFilter = { ...period, step: step("month") };

/** What the report of recurring revenue may be asked for, likewise. */
export const recurringFilter = {
  months: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 36, description: "How many months back, this one included; 12 when left out." }),
  ),
  timeZone,
};
