import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

export const ledgerAccounts = ["paypal:balance", "revenue", "refunds", "fees", "disputes:held", "chargebacks", "fx"] as const;
export type LedgerAccount = (typeof ledgerAccounts)[number];

/**
 * A line of an entry: positive is debit, negative credit. The database takes an entry's lines only in the transaction that wrote the entry and
 * only when they sum to zero in each currency, by the end of each statement: all lines of an entry come in one.
 */
export const LedgerLine = defineEntity({
  name: "LedgerLine",
  tableName: "ledger_lines",
  schema: "payment",
  properties: {
    entryId: p.uuid().primary(),
    number: p.smallint().primary(),
    tenantId: p.uuid(),
    account: p.enum(ledgerAccounts),
    currency: p.string().length(3),
    /** Minor units. */
    amountMinor: p.bigint("bigint"),
  },
  checks: [{ name: "ledger_lines_move_something", expression: "amount_minor <> 0" }],
  indexes: [{ properties: ["tenantId", "account", "currency"] }],
  policies: tenantPolicy(),
  triggers: [
    {
      name: "ledger_lines_append_only",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: `raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null;`,
    },
    {
      name: "ledger_lines_balance",
      timing: "after",
      events: ["insert"],
      forEach: "row",
      body: `if not exists (select 1 from payment.ledger_entries e where e.id = new.entry_id and e.tenant_id = new.tenant_id and e.transaction = pg_current_xact_id()) then
  raise exception 'lines are written with their entry' using errcode = 'restrict_violation'; end if;
if (select sum(l.amount_minor) from payment.ledger_lines l where l.entry_id = new.entry_id and l.currency = new.currency) <> 0 then
  raise exception 'the lines of a ledger entry sum to zero in each currency' using errcode = 'check_violation'; end if;
return null;`,
    },
  ],
});
