import type { Complaints } from "./complaints.ts";

/** A card as it is sent. */
export interface CardRequest {
  name?: string;
  number?: string;
  /** "2030-12". */
  expiry?: string;
  security_code?: string;
  billing_address?: object;
}

/** What is shown of one: never its number. */
export interface CardShown {
  name?: string;
  last_digits: string;
  brand: string;
  expiry: string;
  type: "CREDIT";
  billing_address?: object;
}

const brands: [RegExp, string][] = [
  [/^4/, "VISA"],
  [/^(5[1-5]|2[2-7])/, "MASTERCARD"],
  [/^3[47]/, "AMEX"],
  [/^(6011|65)/, "DISCOVER"],
  [/^35/, "JCB"],
];

/** Luhn's check digit: the sum of the digits, every second doubled from the right, ends in 0. */
function hasCheckDigit(number: string): boolean {
  const digits = [...number].reverse().map((digit, index) => Number(digit) * (index % 2 ? 2 : 1));
  return digits.reduce((sum, digit) => sum + (digit > 9 ? digit - 9 : digit), 0) % 10 === 0;
}

/** Schema faults of a card. */
export function complainAboutCard(card: CardRequest, complaints: Complaints, at: string): void {
  complaints.text(card.number, `${at}/number`, 19, true);
  if (card.number && !(/^\d{13,19}$/.test(card.number) && hasCheckDigit(card.number)))
    complaints.add("INVALID_PARAMETER_VALUE", `${at}/number`);
  complaints.text(card.expiry, `${at}/expiry`, 7, true);
  if (card.expiry && !/^\d{4}-(0[1-9]|1[0-2])$/.test(card.expiry)) complaints.add("INVALID_PARAMETER_SYNTAX", `${at}/expiry`, card.expiry);
  if (card.security_code !== undefined && !/^\d{3,4}$/.test(card.security_code))
    complaints.add("INVALID_PARAMETER_SYNTAX", `${at}/security_code`);
  complaints.text(card.name, `${at}/name`, 300);
}

/** A card is good to the end of its month. */
export const isExpired = (expiry: string, now: number): boolean => new Date(now).toISOString().slice(0, 7) > expiry;

export const shownCard = ({ name, number = "", expiry = "", billing_address }: CardRequest): CardShown => ({
  ...(name && { name }),
  last_digits: number.slice(-4),
  brand: brands.find(([pattern]) => pattern.test(number))?.[1] ?? "UNKNOWN",
  expiry,
  type: "CREDIT",
  ...(billing_address && { billing_address }),
});
