import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import type { Versioned } from "./assess.ts";
import type { Decision, Reason } from "./evaluate.ts";
import type { Facts } from "./facts.ts";

export const reviewStates = ["open", "approved", "rejected", "expired"] as const;
export type ReviewState = (typeof reviewStates)[number];

/** How a payment was judged, as its organisation sees it. Times are ISO 8601. */
export interface ShownAssessment {
  kind: "payment" | "subscription";
  /** The payment's or the subscription's id. */
  objectId: string;
  ruleSetVersion: number;
  decision: Decision;
  score: number;
  reasons: Reason[];
  facts: Facts;
  shadow: Versioned | null;
  /** Whether the rules in shadow would have decided otherwise. */
  differs: boolean;
  review: { state: ReviewState; until: string; by: string | null; note: string | null; at: string | null } | null;
  createdAt: string;
}

const columns = `kind, object_id as "objectId", rule_set_version as "ruleSetVersion", decision, score, reasons, facts, shadow, differs,
  case when review_state is not null then json_build_object('state', review_state, 'until', ${isoTime("review_until")}, 'by', reviewed_by,
    'note', review_note, 'at', ${isoTime("reviewed_at")}) end as review, ${isoTime("created_at")} as "createdAt"`;

/** @throws FRAUD_ASSESSMENT_NOT_FOUND */
export async function readAssessment(em: Em, tenantId: string, objectId: string): Promise<ShownAssessment> {
  const found = await row<ShownAssessment>(em, `select ${columns} from payment.fraud_assessments where tenant_id = ? and object_id = ?`, [
    tenantId,
    objectId,
  ]);
  if (!found) throw errors.fraudAssessmentNotFound("This was not judged.", { id: objectId });
  return found;
}

export interface AssessmentFilter {
  decision?: Decision;
  differs?: boolean;
  review?: ReviewState;
}

/** A page of the organisation's assessments, newest first. */
export async function listAssessments(
  em: Em,
  secret: string,
  tenantId: string,
  { limit = 50, cursor, ...filter }: AssessmentFilter & { limit?: number; cursor?: string },
): Promise<Page<ShownAssessment>> {
  const { decision, differs, review } = filter;
  const scope = ["fraud assessments", tenantId, decision ?? null, differs ?? null, review ?? null];
  const from = decodeCursor(secret, scope, cursor);
  const where = [
    ...(decision ? ["and decision = ?"] : []),
    ...(differs === undefined ? [] : [differs ? "and differs" : "and not differs"]),
    ...(review ? ["and review_state = ?"] : []),
    ...(from ? ["and (created_at, id) < (?::timestamptz, ?::uuid)"] : []),
  ];
  const found = await rows<ShownAssessment & { key: string; id: string }>(
    em,
    `select ${columns}, created_at::text as key, id from payment.fraud_assessments where tenant_id = ? ${where.join(" ")}
     order by created_at desc, id desc limit ${limit + 1}`,
    [tenantId, ...[decision, review].filter((value) => value !== undefined), ...(from?.after ?? [])],
  );
  const cursorOf = ({ key, id }: { key: string; id: string }) => encodeCursor(secret, scope, { after: [key, id] });
  return pageOf(found, limit, from !== undefined, ({ key: _key, id: _id, ...shown }) => shown, cursorOf);
}
