import { errors, failureType, messageOf } from "../../../../config/errors.ts";
import { statusOf } from "./calls.ts";
import { status } from "./packets.ts";

const faults: Record<number, (message: string, data?: undefined, cause?: unknown) => Error> = {
  [status.missing]: errors.sourceMissing,
  [status.denied]: errors.sourceDenied,
  // OpenSSH's word for names no file system takes.
  [status.badMessage]: errors.sourceUnsupported,
  [status.unsupported]: errors.sourceUnsupported,
};

/** A server's refusal in the sources' vocabulary; any other error as it is. */
export function itemError(error: unknown, path: string): Error {
  const code = statusOf(error);
  if (code === undefined || failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const make = faults[code] ?? errors.sourceUnreachable;
  return make(`${path}: ${messageOf(error)}.`, undefined, error);
}
