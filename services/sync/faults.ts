import { failureType } from "../../config/errors.ts";

/** Faults that a new start would only meet again, or that have been retried already: they end the job. All others start it again. */
export const isJobFault = (error: unknown): boolean => /^(SOURCE|VAULT|VALIDATION|WORKER|PLAN)_/.test(failureType(error));
