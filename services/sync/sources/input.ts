import Type, { type TObject, type TOptional } from "typebox";
import { errors } from "../../../config/errors.ts";
import { kinds } from "./kinds.ts";
import type { ParseOptions, Spec } from "./source.ts";

/** Kind → what is given beside the URI. */
export type Access = { [kind: string]: object | undefined };

/** Members of a request, one per kind, that hold the access. */
export const accessParams = Object.fromEntries(
  [...kinds.values()].map(({ kind, access, schemes }) => [
    kind,
    Type.Optional(
      Type.Object(access.properties, { additionalProperties: false, description: `Access to a ${schemes.join(":// or ")}:// place.` }),
    ),
  ]),
) as { [kind in "s3" | "sftp" | "ftp" | "http"]: TOptional<TObject> };

/**
 * Turns what a person asked for into a place that may be used.
 * @param input e.g. file:///folder, s3://bucket/prefix, sftp://host/folder
 * @param purpose "write" asks for a place that can be written to
 * @throws SOURCE_SCHEME_UNKNOWN, VALIDATION_FAILED, SOURCE_NOT_ALLOWED, SOURCE_MISSING, SOURCE_DENIED, SOURCE_ITEM_UNSUPPORTED
 */
export async function parseInput(
  input: string,
  access: Access,
  options: ParseOptions,
  purpose: "read" | "write" = "read",
  pointer = "/input",
): Promise<Spec> {
  const invalid = (detail: string) => errors.invalid([{ pointer, detail }]);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(input)?.[1]?.toLowerCase();
  if (!scheme)
    throw invalid(`must be a URI such as ${[...kinds.values()].map(({ example }) => example).join(", ")}; it is ${JSON.stringify(input)}`);
  const kind = [...kinds.values()].find(
    ({ schemes, openDestination }) => schemes.includes(scheme) && (purpose === "read" || openDestination),
  );
  if (!kind) {
    const known = [...kinds.values()].flatMap(({ schemes, openDestination }) => (purpose === "read" || openDestination ? schemes : []));
    const listed = known.map((name) => `${name}://`).join(", ");
    throw errors.sourceSchemeUnknown(
      `${scheme}:// is not a known kind of ${purpose === "read" ? "source" : "destination"}; known are ${listed}.`,
      { known },
    );
  }
  if (!URL.canParse(input)) throw invalid(`is not a valid URI: ${JSON.stringify(input)}`);
  const uri = new URL(input);
  if ((uri.search && !kind.query) || uri.hash) throw invalid("must not have a query or a fragment; write ? as %3F and # as %23");
  if (uri.username || uri.password) throw invalid("must not hold credentials; give them beside it");
  const strangers = Object.keys(access).filter((name) => access[name] && name !== kind.kind);
  if (strangers.length)
    throw errors.invalid(strangers.map((name) => ({ pointer: `/${name}`, detail: `does not belong to a ${scheme}:// place` })));
  return await kind.parse(uri, (access[kind.kind] ?? {}) as Record<string, unknown>, { ...options, purpose });
}
