import Type, { type Static } from "typebox";
import type { strict } from "../../config/action.ts";
import { uuid } from "../../config/action.ts";
import { priorities } from "../../config/states.ts";
import { errors, type Fault } from "../../config/errors.ts";
import type { Em } from "../../mixins/database.ts";
import type { NewJob } from "./creating.ts";
import { checkFilters } from "./filters.ts";
import { jobOptions } from "./options.ts";
import { readablePlaces } from "./places.ts";
import { accessParams, parseInput } from "./sources/input.ts";
import type { Spec } from "./sources/source.ts";
import { storedById } from "./stored.ts";

/** What a sync is asked for with. */
export const syncRequest = {
  input: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        "What to sync: file:///folder, s3://bucket/prefix, sftp://host/folder, ftps://host/folder, https://host/folder/. Or name a stored source.",
    }),
  ),
  sourceId: Type.Optional(uuid("A stored source, instead of input.")),
  mode: Type.Optional(
    Type.Enum(["incremental", "full"], {
      default: "incremental",
      description: "incremental fetches what changed; full reads everything again and compares contents.",
    }),
  ),
  priority: Type.Optional(Type.Enum([...priorities], { default: "normal", description: "Before which other jobs it runs." })),
  dryRun: Type.Optional(Type.Boolean({ description: "Only make the plan; it waits for approval and is then carried out as it stands." })),
  after: Type.Optional(Type.Array(uuid("A job."), { maxItems: 50, description: "Jobs that have to complete first." })),
  options: Type.Optional(jobOptions),
  ...accessParams,
};
export type SyncRequest = Static<ReturnType<typeof strict<typeof syncRequest>>>;

/** A request whose place is known and may be used. */
export interface CheckedRequest {
  job: Omit<NewJob, "source" | "sourceId" | "input">;
  /** What was parsed of `input`; else the stored source is to be looked up. */
  spec?: Spec;
  input?: string;
  sourceId?: string;
}

/** @throws VALIDATION_FAILED with every fault, SOURCE_* */
export async function checkRequest(request: SyncRequest, pointer = ""): Promise<CheckedRequest> {
  const { input, sourceId, mode = "incremental", priority = "normal", dryRun, after, options = {}, ...access } = request;
  const faults: Fault[] = [];
  if ((input === undefined) === (sourceId === undefined))
    faults.push({ pointer: `${pointer}/input`, detail: "must be given, or sourceId must: one of the two" });
  if (sourceId !== undefined)
    for (const kind of Object.keys(access))
      faults.push({ pointer: `${pointer}/${kind}`, detail: "must be left out: a stored source has its own access" });
  if (faults.length) throw errors.invalid(faults);
  checkFilters(options.filters, `${pointer}/options/filters`);
  const job = { kind: "sync" as const, mode, priority, options: { ...options, ...(dryRun && { dryRun }) }, ...(after && { needs: after }) };
  if (sourceId !== undefined) return { job, sourceId };
  return { job, input: input!, spec: await parseInput(input!, access, readablePlaces, "read", `${pointer}/input`) };
}

/** The job that a checked request makes. @throws SOURCE_NOT_FOUND */
export async function newJobOf(em: Em, { job, spec, input, sourceId }: CheckedRequest): Promise<NewJob> {
  if (spec) return { ...job, input: input!, source: spec };
  const { uri } = await storedById(em, sourceId!);
  return { ...job, input: uri, sourceId: sourceId! };
}
