import { readdirSync } from "node:fs";
import type { Destination, Source, SourceKind, Spec } from "./source.ts";

/** Every kind of place there is: the files <kind>.source.ts beside this one. */
export const kinds: ReadonlyMap<string, SourceKind> = new Map(
  await Promise.all(
    readdirSync(import.meta.dirname)
      .filter((file) => file.endsWith(".source.ts"))
      .sort()
      .map(async (file): Promise<[string, SourceKind]> => {
        const { default: kind } = (await import(`./${file}`)) as { default: SourceKind };
        return [kind.kind, kind];
      }),
  ),
);

/** The kind of a spec. @throws Error for one that this version does not know */
export function kindOf(spec: Pick<Spec, "kind">): SourceKind {
  const kind = kinds.get(spec.kind);
  if (!kind) throw new Error(`No kind of source is called "${spec.kind}".`);
  return kind;
}

export async function openSource<S extends Spec>(spec: S): Promise<Source> {
  return await kindOf(spec).open(spec);
}

/** @throws Error when the kind can't be written to: `parseInput` has refused that before */
export async function openDestination<S extends Spec>(spec: S): Promise<Destination> {
  const { kind, openDestination } = kindOf(spec);
  if (!openDestination) throw new Error(`A place of kind "${kind}" can't be written to.`);
  return await openDestination(spec);
}
