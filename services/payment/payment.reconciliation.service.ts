import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { breakKinds, breakStates } from "../../entities/ReconciliationBreak.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin } from "../../mixins/redis.mixin.ts";
import { changeBreak, listBreaks, type ShownBreak } from "./reconciliation/breaks.ts";
import { periodOf } from "./reconciliation/period.ts";
import { listRuns, runNow, type ShownRun } from "./reconciliation/runs.ts";
import { sweepBooks } from "./reconciliation/schedule.ts";
import { booksStanding, type BooksStanding } from "./reconciliation/standing.ts";
import { Sweeper } from "./sweeper.ts";
import { tillMixin, type WithTill } from "./till.mixin.ts";

type Books = Host<WithTill & { sweeper: Sweeper }>;
const action = actionOf<Books>();

/** Between two looks for books that are due. */
const sweepMs = 60_000;
/** A month of a busy account: some pages, and a look at each payment that differs. */
const runMs = 180_000;

const day = (description: string) => Type.Optional(Type.String({ format: "date", description }));

export const actions = {
  get: action({
    description: "Says until when the books were compared with PayPal, when they are next, and what is open.",
    permission: "payment:read",
    rest: "GET /reconciliation",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<BooksStanding> {
      return await booksStanding(this.db, caller(ctx).tenantId);
    },
  }),

  run: action({
    description: "Compares payments, ledger and PayPal's report for some days (UTC) now, and mends what a look at PayPal can mend.",
    permission: "payment:manage",
    rest: "POST /reconciliation/runs",
    audit: "payment.books.compared",
    status: 201,
    timeout: runMs,
    params: strict({
      from: day("First day, yyyy-mm-dd; the same as the last when left out."),
      to: day("Last day, yyyy-mm-dd; the last one that PayPal's report has whole when left out."),
    }),
    async handler(ctx): Promise<ShownRun> {
      const { tenantId, subject } = caller(ctx);
      const now = new Date();
      return await runNow(this.till, tenantId, periodOf(ctx.params, now), subject, now);
    },
  }),

  runs: action({
    description: "Lists the comparisons of the books, latest first.",
    permission: "payment:read",
    rest: "GET /reconciliation/runs",
    idempotent: true,
    params: strict(pageParams),
    async handler(ctx): Promise<Page<ShownRun>> {
      return await listRuns(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  breaks: action({
    description: "Lists in what payments, ledger and PayPal do not agree, oldest first.",
    permission: "payment:read",
    rest: "GET /reconciliation/breaks",
    idempotent: true,
    params: strict({
      ...pageParams,
      state: Type.Optional(Type.Enum(breakStates, { description: "Only breaks in this state." })),
      kind: Type.Optional(Type.Enum(breakKinds, { description: "Only breaks of this kind." })),
    }),
    async handler(ctx): Promise<Page<ShownBreak>> {
      return await listBreaks(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  change: action({
    description:
      "Explains or resolves a break, or opens it again. An explained one stays so when it is found again, a resolved one is open again.",
    permission: "payment:manage",
    rest: "POST /reconciliation/breaks/:id",
    audit: { act: "payment.break.changed", object: "break:id" },
    idempotent: true,
    params: strict({
      id: uuid("The break."),
      state: Type.Enum(breakStates, { description: "What it becomes." }),
      note: Type.String({ minLength: 1, maxLength: 2_000, description: "Why." }),
    }),
    async handler(ctx): Promise<ShownBreak> {
      const { tenantId, subject } = caller(ctx);
      const { id, state, note } = ctx.params;
      return await changeBreak(this.db, tenantId, id, { state, note, by: subject });
    },
  }),
};

/** Every day each organisation's payments and ledger are compared with PayPal's own report. */
export default service<Books>()({
  name: "payment.reconciliation",
  mixins: [tillMixin, redisMixin, ormMixin("payment")],
  actions,
  started() {
    this.sweeper = new Sweeper("books", sweepMs, (signal) => sweepBooks(this.till, new Date(), 10, signal), this.logger);
  },
  async stopped() {
    await this.sweeper?.stop();
  },
});
