import { unreadable } from "./replies.ts";

/** What 3-D Secure found out about a payer. */
export interface Authentication {
  /** POSSIBLE: the bank answers for fraud; NO: stop; UNKNOWN: stop, ask to try again. */
  liability_shift: "POSSIBLE" | "NO" | "UNKNOWN";
  three_d_secure: { enrollment_status: "Y" | "N" | "U" | "B"; authentication_status?: "Y" | "N" | "U" | "A" | "C" | "R" | "D" | "I" };
}

type Letters = Authentication["three_d_secure"];

const of = (
  liability_shift: Authentication["liability_shift"],
  enrollment_status: Letters["enrollment_status"],
  authentication_status?: Letters["authentication_status"],
): Authentication => ({
  liability_shift,
  three_d_secure: { enrollment_status, ...(authentication_status && { authentication_status }) },
});

/** The ways a challenge ends, by the name of the button or control, with the letters of PayPal's table of responses. */
const results: Record<string, Authentication> = {
  success: of("POSSIBLE", "Y", "Y"),
  attempted: of("POSSIBLE", "Y", "A"),
  failure: of("NO", "Y", "N"),
  rejected: of("NO", "Y", "R"),
  unavailable: of("UNKNOWN", "Y", "U"),
  incomplete: of("UNKNOWN", "Y", "C"),
  notenrolled: of("NO", "N"),
  bypassed: of("NO", "B"),
};
export const challengeResults = Object.keys(results);

/** @throws Refused naming the results that there are. */
export function authenticationOf(result: unknown): Authentication {
  const found = typeof result === "string" ? results[result] : undefined;
  if (!found) throw unreadable(`result must be one of ${challengeResults.join(", ")}`);
  return found;
}
