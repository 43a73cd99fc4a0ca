import CircuitBreaker from "opossum";
import { errors, isRetryable } from "../../../config/errors.ts";

/** One try of a call that is to end when the signal does. */
type Call<T> = (signal: AbortSignal) => Promise<T>;

export interface BreakerOptions {
  /** After which a call is given up, milliseconds. */
  timeoutMs?: number;
  /** How long nothing is asked after too many calls failed, milliseconds. */
  restMs?: number;
}

/**
 * Calls to a key manager over the network: given up after a while, and not made at all while it is known to be away.
 * @throws VAULT_UNREACHABLE for either; what the call itself throws otherwise
 */
export function breaker(name: string, { timeoutMs = 10_000, restMs = 10_000 }: BreakerOptions = {}): <T>(call: Call<T>) => Promise<T> {
  const circuit = new CircuitBreaker((call: Call<unknown>) => call(AbortSignal.timeout(timeoutMs)), {
    name,
    // The signal ends a call; this ends one that does not listen to its signal.
    timeout: timeoutMs + 1_000,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: restMs,
    rollingCountTimeout: 30_000,
    // A refusal is an answer: only what may pass by itself opens the breaker.
    errorFilter: (error: unknown) => !isRetryable(error),
  });
  return async <T>(call: Call<T>) => {
    try {
      return (await circuit.fire(call)) as T;
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code === "EOPENBREAKER")
        throw errors.vaultUnreachable(`${name} failed a moment ago and is left alone for a while.`, undefined, error);
      if (code === "ETIMEDOUT") throw errors.vaultUnreachable(`${name} did not answer within ${timeoutMs / 1000} s.`, undefined, error);
      throw error;
    }
  };
}
