import { type Amount, amountSyntax } from "./amounts.ts";
import { type ErrorDetail, failure, Refused } from "./replies.ts";

/** Gathers every schema fault of a request, so that one 400 names them all, as PayPal's does. */
export class Complaints {
  readonly #faults: ErrorDetail[] = [];

  add(issue: string, field: string, value?: string, location: ErrorDetail["location"] = "body"): void {
    this.#faults.push({ issue, field, value, location, description: `${field}: ${issue}` });
  }

  /** A string of at most `most` characters; absent is fine unless required. */
  text(value: unknown, field: string, most: number, required = false): void {
    if (value === undefined || value === null || value === "") {
      if (required) this.add("MISSING_REQUIRED_PARAMETER", field);
    } else if (typeof value !== "string") this.add("INVALID_PARAMETER_SYNTAX", field, JSON.stringify(value));
    else if (value.length > most) this.add("INVALID_STRING_LENGTH", field, value);
  }

  /** One of some words. */
  word(value: unknown, field: string, words: readonly string[], required = false): void {
    if (value === undefined) {
      if (required) this.add("MISSING_REQUIRED_PARAMETER", field);
    } else if (!words.includes(value as string)) this.add("INVALID_PARAMETER_VALUE", field, JSON.stringify(value));
  }

  /** Currency and value, as strings of PayPal's syntax. Whether the currency allows the value is not asked here. */
  amount(value: unknown, field: string, required = false): void {
    const { currency_code: code, value: digits } = (value ?? {}) as Partial<Record<keyof Amount, unknown>>;
    if (value === undefined || value === null) {
      if (required) this.add("MISSING_REQUIRED_PARAMETER", field);
      return;
    }
    if (typeof code !== "string" || code.length !== 3)
      this.add(code === undefined ? "MISSING_REQUIRED_PARAMETER" : "INVALID_STRING_LENGTH", `${field}/currency_code`);
    if (digits === undefined) this.add("MISSING_REQUIRED_PARAMETER", `${field}/value`);
    else if (typeof digits !== "string" || !amountSyntax.test(digits) || digits.length > 32)
      this.add("INVALID_PARAMETER_SYNTAX", `${field}/value`, typeof digits === "string" ? digits : JSON.stringify(digits));
  }

  /** @throws Refused 400 when there was any. */
  finish(): void {
    if (this.#faults.length) throw new Refused(failure(400, ...this.#faults));
  }
}
