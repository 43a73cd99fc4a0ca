import { failure, Refused } from "./replies.ts";

/** A body by example: what is there has to be of the same kind as in the example, null stands for anything, and what the example lacks may be there. */
export type Example = null | string | number | boolean | readonly Example[] | { readonly [name: string]: Example };

/** The places where a value is not of the example's kind. Absent is fine: what is required each operation says itself. */
function misfits(value: unknown, example: Example, at: string): string[] {
  if (value === undefined || example === null) return [];
  if (Array.isArray(example)) {
    const [one] = example as readonly Example[];
    return Array.isArray(value) ? value.flatMap((member, index) => misfits(member, one ?? null, `${at}/${index}`)) : [at];
  }
  if (typeof value !== typeof example || value === null || Array.isArray(value)) return [at];
  if (typeof example !== "object") return [];
  const members = Object.entries(example as Record<string, Example>);
  return members.flatMap(([name, member]) => misfits((value as Record<string, unknown>)[name], member, `${at}/${name}`));
}

/** @throws Refused 400 naming every misfit */
export function demandShape(value: unknown, example: Example, at = ""): void {
  const faults = misfits(value, example, at).map((field) => ({
    ...{ issue: "INVALID_PARAMETER_SYNTAX", field: field || "/", location: "body" as const },
    description: "The value of a field does not conform to the expected format.",
  }));
  if (faults.length) throw new Refused(failure(400, ...faults));
}
