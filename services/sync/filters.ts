import picomatch from "picomatch";
import { errors, messageOf, type Fault } from "../../config/errors.ts";
import type { JobOptions } from "./options.ts";
import type { Entry } from "./sources/source.ts";

export type Filters = NonNullable<JobOptions["filters"]>;

/** Says of an entry whether it is synced. What is left out is left alone: it is not fetched, and what the catalogue has of it stays. */
export type Filter = (entry: Pick<Entry, "path" | "size" | "modifiedAt">) => boolean;

const globbing = { dot: true, nonegate: true } as const;

/** @returns undefined when everything is synced */
export function filterOf(filters: Filters | undefined): Filter | undefined {
  if (!filters || !Object.values(filters).some((value) => value !== undefined)) return undefined;
  const { include, exclude, minSize = 0, maxSize = Infinity, modifiedAfter, modifiedBefore } = filters;
  const included = include?.length ? picomatch(include, globbing) : () => true;
  const excluded = exclude?.length ? picomatch(exclude, globbing) : () => false;
  const after = modifiedAfter ? Date.parse(modifiedAfter) : -Infinity;
  const before = modifiedBefore ? Date.parse(modifiedBefore) : Infinity;
  // Without a time of its own an entry is neither too old nor too new.
  const inTime = (at: number | null) => at === null || (at >= after && at < before);
  return ({ path, size, modifiedAt }) => size >= minSize && size <= maxSize && inTime(modifiedAt) && included(path) && !excluded(path);
}

/** @throws VALIDATION_FAILED with every fault of the filters */
export function checkFilters(filters: Filters | undefined, pointer = "/options/filters"): void {
  const faults: Fault[] = [];
  for (const member of ["include", "exclude"] as const) {
    for (const [i, glob] of (filters?.[member] ?? []).entries()) {
      try {
        picomatch.makeRe(glob, { ...globbing, strictBrackets: true });
      } catch (error) {
        faults.push({ pointer: `${pointer}/${member}/${i}`, detail: `is not a usable glob: ${messageOf(error)}` });
      }
    }
  }
  const { minSize, maxSize, modifiedAfter, modifiedBefore } = filters ?? {};
  if (minSize !== undefined && maxSize !== undefined && minSize > maxSize)
    faults.push({ pointer: `${pointer}/minSize`, detail: `must not be above maxSize; it is ${minSize}, maxSize ${maxSize}` });
  if (modifiedAfter && modifiedBefore && Date.parse(modifiedAfter) >= Date.parse(modifiedBefore))
    faults.push({ pointer: `${pointer}/modifiedAfter`, detail: "must be before modifiedBefore" });
  if (faults.length) throw errors.invalid(faults);
}
