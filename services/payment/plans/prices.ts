import { errors, type Fault } from "../../../config/errors.ts";
import { formatAmount, parseAmount } from "../money.ts";
import { termFaults, type Cycle, type Terms } from "./terms.ts";

/** A cycle's new price, by the cycle's place in the plan, from 1. */
export interface NewPrice extends Pick<Cycle, "price" | "model" | "tiers"> {
  cycle: number;
}

/** The terms with other prices. @throws VALIDATION_FAILED naming every fault, pointing into /prices */
export function withPrices(terms: Terms, prices: NewPrice[]): Terms {
  const faults: Fault[] = [];
  const cycles = [...terms.cycles];
  prices.forEach(({ cycle, price, model, tiers }, index) => {
    const { price: _price, model: _model, tiers: _tiers, ...time } = terms.cycles[cycle - 1] ?? {};
    if (!terms.cycles[cycle - 1])
      faults.push({ pointer: `/prices/${index}/cycle`, detail: `must be from 1 to ${terms.cycles.length}; ${cycle} came` });
    else if (prices.findIndex((other) => other.cycle === cycle) !== index)
      faults.push({ pointer: `/prices/${index}/cycle`, detail: "must not come twice" });
    else if (price === undefined && tiers === undefined) faults.push({ pointer: `/prices/${index}`, detail: "must have a price or tiers" });
    else
      cycles[cycle - 1] = {
        ...(time as Cycle),
        ...(price !== undefined && { price }),
        ...(model !== undefined && { model }),
        ...(tiers !== undefined && { tiers }),
      };
  });
  const changed = { ...terms, cycles };
  for (const { pointer, detail } of termFaults(changed)) faults.push({ pointer: pointedAt(pointer, prices), detail });
  if (faults.length) throw errors.invalid(faults);
  return changed;
}

/** A fault of a cycle, as one of the price that was asked for it. */
const pointedAt = (pointer: string, prices: NewPrice[]) =>
  pointer.replace(/^\/cycles\/(\d+)/, (_all, at: string) => `/prices/${prices.findIndex(({ cycle }) => cycle === Number(at) + 1)}`);

/** Whether two cycles cost the same, however the amounts are written. */
export function isSamePrice(one: Cycle, other: Cycle, { currency }: Terms): boolean {
  const written = (amount: string) => formatAmount(parseAmount(amount, currency), currency);
  const told = ({ price = "0", model, tiers }: Cycle) =>
    JSON.stringify(tiers ? [model, tiers.map(({ from, to, amount }) => [from, to ?? null, written(amount)])] : written(price));
  return told(one) === told(other);
}
