import { AuthorizationResponseError, ClientError, ResponseBodyError } from "openid-client";
import { errors, failureType } from "../../../config/errors.ts";

/** Runs what asks a provider. @throws SOCIAL_REFUSED with `reason`, SOCIAL_UNREACHABLE */
export async function asking<T>(provider: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(provider, error);
  }
}

/** In whatever its libraries throw, whether the provider said no or could not be asked. Nothing of its answer but names of errors and claims is passed on. */
function failureOf(provider: string, error: unknown): unknown {
  if (failureType(error).startsWith("SOCIAL_")) return error;
  if (error instanceof AuthorizationResponseError) return refused(provider, wordOf(error.error), error);
  if (error instanceof ResponseBodyError)
    return error.status >= 500 ? unreachable(provider, error) : refused(provider, wordOf(error.error), error);
  if (!(error instanceof ClientError)) return unreachable(provider, error);
  const { code = "", cause } = error;
  if (code === "OAUTH_TIMEOUT" || code === "OAUTH_ABORT" || code === "OAUTH_RESPONSE_IS_NOT_CONFORM") return unreachable(provider, error);
  const { claim } = ((cause as { cause?: unknown } | undefined)?.cause ?? {}) as { claim?: unknown };
  return refused(provider, typeof claim === "string" ? wordOf(claim) : code.toLowerCase(), error);
}

export const refused = (provider: string, reason: string, cause?: unknown) =>
  errors.socialRefused("What came back from the provider does not prove who you are; begin again.", { provider, reason }, cause);

export const unreachable = (provider: string, cause: unknown) =>
  errors.socialUnreachable("The provider can't be asked just now; begin again in a while.", { provider }, cause);

/** Strangers choose what stands in the address that a browser comes back with. */
const wordOf = (text: string) => text.replace(/[^\w-]/g, "").slice(0, 60);
