import type { EntryKind } from "../../../entities/LedgerEntry.ts";
import { epoch, row, rows, type Em } from "../../../mixins/database.ts";
import type { Currency, Money } from "../money.ts";
import { contest, type Contested } from "./bookings.ts";
import { writeEntry, type Fact } from "./entry.ts";

export interface ContestedFact extends Fact {
  kind: Extract<EntryKind, "reversal" | "dispute_hold" | "dispute_release" | "dispute_loss">;
  captureId: string;
  amount: Money;
}

interface Known {
  kind: ContestedFact["kind"];
  objectId: string;
  amountMinor: bigint;
  at: number;
}

/** Books a reversal or a step of a dispute: what it moves depends on what is known of the same capture. @returns whether it was new */
export async function writeContested(em: Em, fact: ContestedFact): Promise<boolean> {
  const { currency, amountMinor } = fact.amount;
  await lockContested(em, fact);
  const known = await knownOf(em, fact, currency);
  const { kind, objectId } = fact;
  const after = [...known, { kind, objectId, amountMinor, at: fact.at.getTime() }];
  return await writeEntry(em, { ...fact, lines: contest(contestedBy(known), contestedBy(after), currency) });
}

/** Two facts of one capture at once: the second has to see what the first has booked. */
export async function lockContested(em: Em, { tenantId, captureId }: Pick<ContestedFact, "tenantId" | "captureId">): Promise<void> {
  await row(em, "select pg_advisory_xact_lock(hashtextextended(?, 0))", [`ledger ${tenantId} ${captureId}`]);
}

/**
 * Whether a refund that nobody asked for here is how the amount of a lost dispute went back: the loss is in the books already. What was decided
 * for a refund stays. Only what fits into what is lost and not yet accounted for is taken for it.
 */
export async function carriesOutLoss(
  em: Em,
  { tenantId, captureId, objectId, gross }: Pick<ContestedFact, "tenantId" | "captureId" | "objectId"> & { gross: Money },
): Promise<boolean> {
  await lockContested(em, { tenantId, captureId });
  const decided = await row<{ kind: EntryKind }>(
    em,
    `select kind from payment.ledger_entries where tenant_id = ? and object_id = ? and kind in ('refund', 'reversal')`,
    [tenantId, objectId],
  );
  if (decided) return decided.kind === "reversal";
  const { reversed, disputes } = contestedBy(await knownOf(em, { tenantId, captureId }, gross.currency));
  const lost = disputes.reduce((sum, dispute) => (dispute.state === "lost" ? sum + dispute.lost : sum), 0n);
  return gross.amountMinor <= lost - reversed;
}

async function knownOf(
  em: Em,
  { tenantId, captureId }: Pick<ContestedFact, "tenantId" | "captureId">,
  currency: Currency,
): Promise<Known[]> {
  const found = await rows<{ kind: Known["kind"]; object: string; amount: string; at: number }>(
    em,
    `select kind, object_id as object, amount_minor::text as amount, ${epoch("at")} as at from payment.ledger_entries
     where tenant_id = ? and capture_id = ? and currency = ? and kind in ('reversal', 'dispute_hold', 'dispute_release', 'dispute_loss')`,
    [tenantId, captureId, currency],
  );
  return found.map(({ kind, object, amount, at }) => ({ kind, objectId: object, amountMinor: BigInt(amount), at }));
}

/** Sums up the facts of one capture. A dispute ended as it did last; PayPal may decide twice. */
export function contestedBy(known: readonly Known[]): Contested {
  const disputes = new Map<string, { held: bigint; lost: bigint; state: "open" | "released" | "lost"; ended: number }>();
  let reversed = 0n;
  for (const { kind, objectId, amountMinor, at } of known) {
    if (kind === "reversal") {
      reversed += amountMinor;
      continue;
    }
    const dispute = disputes.get(objectId) ?? { held: 0n, lost: 0n, state: "open", ended: -Infinity };
    disputes.set(objectId, dispute);
    if (kind === "dispute_hold") {
      dispute.held = amountMinor;
      continue;
    }
    if (kind === "dispute_loss") dispute.lost = amountMinor;
    // Of two ends at the same moment the loss counts, in whatever order they come.
    if (at > dispute.ended || (at === dispute.ended && kind === "dispute_loss")) {
      dispute.state = kind === "dispute_loss" ? "lost" : "released";
      dispute.ended = at;
    }
  }
  return { reversed, disputes: [...disputes.values()] };
}
