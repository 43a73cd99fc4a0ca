import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { describeAct } from "../../mixins/act.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { setsInUse } from "./fraud/assess.ts";
import { listAssessments, readAssessment, reviewStates, type ShownAssessment } from "./fraud/assessments.ts";
import { addEntry, listEntries, removeEntry, type ShownEntry } from "./fraud/entries.ts";
import { decisions } from "./fraud/evaluate.ts";
import { listedKinds } from "./fraud/facts.ts";
import { replay, type Replayed } from "./fraud/replay.ts";
import { approveReview, expireReviews, rejectReview } from "./fraud/review.ts";
import { ruleSetFaults, ruleSetFields } from "./fraud/ruleset.ts";
import { listRules, moveRules, proposeRules, readRules, ruleSetStates, type ShownRuleSet } from "./fraud/rulesets.ts";
import { showPayment, type ShownPayment } from "./payments.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Fraud = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Fraud>();

/** Longer than a token and an order take when PayPal uses all the time it is given. */
const submitMs = 60_000;
/** Between two rounds over the reviews that nobody came to. */
const sweepMs = 30_000;

const id = uuid("The payment's id.");
const version = Type.Integer({ minimum: 0, maximum: 1_000_000, description: "Version of the rules; 0 are the service's own." });
const note = Type.String({ minLength: 1, maxLength: 500, description: "Why." });
const list = Type.Enum(["block", "allow"], { description: "Which list." });
const moment = (description: string) => Type.String({ format: "date-time", description });

export const actions = {
  ruleSets: action({
    description: "Lists the versions of the organisation's rules against fraud, newest first.",
    permission: "payment:manage",
    rest: "GET /payments/fraud/rule-sets",
    idempotent: true,
    params: strict({ ...pageParams, state: Type.Optional(Type.Enum(ruleSetStates, { description: "Only versions in this state." })) }),
    async handler(ctx): Promise<Page<ShownRuleSet>> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => listRules(em, env.CLUSTER_SECRET, tenantId, ctx.params));
    },
  }),

  ruleSet: action({
    description: "Shows a version of the organisation's rules against fraud; 0 are those that come with the service.",
    permission: "payment:manage",
    rest: "GET /payments/fraud/rule-sets/:version",
    idempotent: true,
    params: strict({ version }),
    async handler(ctx): Promise<ShownRuleSet> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => readRules(em, tenantId, ctx.params.version));
    },
  }),

  propose: action({
    description: "Stores rules against fraud as the next version, a draft that decides nothing yet. A stored version never changes.",
    permission: "payment:manage",
    audit: "fraud.rules.proposed",
    rest: "POST /payments/fraud/rule-sets",
    status: 201,
    params: strict({ ...ruleSetFields, note }),
    async handler(ctx): Promise<ShownRuleSet> {
      const { tenantId, subject } = caller(ctx);
      const { note, ...rules } = ctx.params;
      return await this.db.tenant(tenantId, async (em) => {
        const made = await proposeRules(em, tenantId, subject, rules, note);
        describeAct({ object: `fraud-rules:${made.version}`, details: { rules: made.rules.length } });
        return made;
      });
    },
  }),

  shadow: action({
    description: "Lets a version judge every payment beside the active one and decide nothing: assessments show what it would have done.",
    permission: "payment:manage",
    audit: { act: "fraud.rules.shadowed", object: "fraud-rules:version" },
    rest: "POST /payments/fraud/rule-sets/:version/shadow",
    params: strict({ version }),
    async handler(ctx): Promise<ShownRuleSet> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => moveRules(em, tenantId, ctx.params.version, "shadow"));
    },
  }),

  activate: action({
    description: "Lets a version decide from now on; the one before retires, and can be activated again.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "fraud.rules.activated", object: "fraud-rules:version" },
    rest: "POST /payments/fraud/rule-sets/:version/activate",
    params: strict({ version }),
    async handler(ctx): Promise<ShownRuleSet> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => moveRules(em, tenantId, ctx.params.version, "active"));
    },
  }),

  retire: action({
    description: "Takes a version out of use; without an active one the service's own rules decide.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "fraud.rules.retired", object: "fraud-rules:version" },
    rest: "POST /payments/fraud/rule-sets/:version/retire",
    params: strict({ version }),
    async handler(ctx): Promise<ShownRuleSet> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => moveRules(em, tenantId, ctx.params.version, "retired"));
    },
  }),

  replay: action({
    description:
      "Judges a page of past payments by a version of the rules (the active one when left out) or by rules given with the request, and says what would have been decided otherwise. Changes nothing.",
    permission: "payment:manage",
    rest: "POST /payments/fraud/replay",
    idempotent: true,
    params: strict({
      from: moment("Payments made then or later."),
      to: moment("Payments made before."),
      version: Type.Optional(version),
      rules: Type.Optional(strict(ruleSetFields)),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 500, description: "Payments per page." })),
      cursor: pageParams.cursor,
    }),
    async handler(ctx): Promise<Replayed> {
      const { tenantId } = caller(ctx);
      const { version, rules: given, ...page } = ctx.params;
      if (given && version !== undefined) throw errors.invalid([{ pointer: "/rules", detail: "must be left out where version is given" }]);
      const faults = given ? ruleSetFaults(given).map(({ pointer, detail }) => ({ pointer: `/rules${pointer}`, detail })) : [];
      if (faults.length) throw errors.invalid(faults);
      const stored = () =>
        this.db.tenant(tenantId, async (em) => {
          if (version !== undefined) return await readRules(em, tenantId, version);
          return (await setsInUse(em, tenantId)).active.rules;
        });
      return await replay(this.db, env.CLUSTER_SECRET, tenantId, given ?? (await stored()), page);
    },
  }),

  entries: action({
    description: "Lists what stands on the organisation's block and allow lists, newest first; of what tells of a person, a part.",
    permission: "payment:manage",
    rest: "GET /payments/fraud/entries",
    idempotent: true,
    params: strict({ ...pageParams, list: Type.Optional(list) }),
    async handler(ctx): Promise<Page<ShownEntry>> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => listEntries(em, env.CLUSTER_SECRET, tenantId, ctx.params));
    },
  }),

  enter: action({
    description:
      "Puts an address, domain, network, country, card or user on the block or allow list, or changes the note and end of what stands there.",
    permission: "payment:manage",
    stepUp: true,
    audit: "fraud.entry.added",
    rest: "POST /payments/fraud/entries",
    status: 201,
    params: strict({
      list,
      kind: Type.Enum(listedKinds, { description: "What the value is. An IPv6 address stands for its /64." }),
      value: Type.String({
        minLength: 1,
        maxLength: 255,
        description: "Stored as a keyed hash where it tells of a person: email, ip, card.",
      }),
      note,
      expiresAt: Type.Optional(moment("When it falls off the list; never when left out.")),
    }),
    async handler(ctx): Promise<ShownEntry> {
      const { tenantId, subject } = caller(ctx);
      return await this.db.tenant(tenantId, async (em) => {
        const entry = await addEntry(em, this.till.secret, tenantId, subject, ctx.params);
        describeAct({ object: `fraud-entry:${entry.id}`, details: { list: entry.list, kind: entry.kind } });
        return entry;
      });
    },
  }),

  strike: action({
    description: "Takes an entry off the block or allow list.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "fraud.entry.removed", object: "fraud-entry:id" },
    rest: "DELETE /payments/fraud/entries/:id",
    status: 204,
    params: strict({ id: uuid("The entry's id.") }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      await this.db.tenant(tenantId, (em) => removeEntry(em, tenantId, ctx.params.id));
    },
  }),

  assessments: action({
    description: "Lists how the organisation's payments were judged, newest first.",
    permission: "payment:read",
    rest: "GET /payments/fraud/assessments",
    idempotent: true,
    params: strict({
      ...pageParams,
      decision: Type.Optional(Type.Enum(decisions, { description: "Only those decided so." })),
      review: Type.Optional(Type.Enum(reviewStates, { description: "Only those with a review in this state: open is the queue." })),
      differs: Type.Optional(Type.Boolean({ description: "Only those that the rules in shadow would have decided otherwise." })),
    }),
    async handler(ctx): Promise<Page<ShownAssessment>> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => listAssessments(em, env.CLUSTER_SECRET, tenantId, ctx.params));
    },
  }),

  assessment: action({
    description: "Shows how a payment was judged: the score, every reason with what was seen, and what a reviewer said.",
    permission: "payment:read",
    rest: "GET /payments/:id/assessment",
    idempotent: true,
    params: strict({ id }),
    async handler(ctx): Promise<ShownAssessment> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => readAssessment(em, tenantId, ctx.params.id));
    },
  }),

  approve: action({
    description:
      "Lets a payment in review go to PayPal: the answer is the payment as it then stands, with the address where the payer approves it.",
    permission: "payment:manage",
    stepUp: true,
    audit: { act: "payment.review.approved", object: "payment:id" },
    rest: "POST /payments/fraud/reviews/:id/approve",
    timeout: submitMs,
    params: strict({ id, note }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await approveReview(this.till, caller(ctx), ctx.params.id, ctx.params.note));
    },
  }),

  reject: action({
    description: "Refuses a payment in review: it fails, and PayPal never hears of it.",
    permission: "payment:manage",
    audit: { act: "payment.review.rejected", object: "payment:id" },
    rest: "POST /payments/fraud/reviews/:id/reject",
    params: strict({ id, note }),
    async handler(ctx): Promise<ShownPayment> {
      return showPayment(await rejectReview(this.till, caller(ctx), ctx.params.id, ctx.params.note));
    },
  }),
};

/** What an organisation's payments are judged by before PayPal hears of them. */
export default service<Fraud>()({
  name: "payment.fraud",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  started() {
    this.sweeper = new Sweeper("reviews", sweepMs, (signal) => expireReviews(this.till, 50, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
