import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";
import { errors, type Fault } from "../../../config/errors.ts";
import type { FilePart } from "../gateway/connection.ts";

/** What each kind of document that PayPal takes begins with, in hex. */
const beginnings = {
  "application/pdf": "255044462d",
  "image/jpeg": "ffd8ff",
  "image/png": "89504e470d0a1a0a",
  "image/gif": "47494638",
} as const;
const mediaTypes = Object.keys(beginnings) as (keyof typeof beginnings)[];

/** PayPal takes more; a request to this API has at most a megabyte, in which base64 takes a third. */
const mostBytes = 700_000;

export const documentsSchema = Type.Array(
  strict({
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$", description: "File name: letters, digits, spaces, dots, dashes." }),
    mediaType: Type.Enum(mediaTypes, { description: "What it is." }),
    base64: Type.String({ minLength: 4, maxLength: 1_000_000, description: "Its bytes." }),
  }),
  { minItems: 1, maxItems: 10, description: `Documents that prove it, together at most ${mostBytes} bytes.` },
);
type Given = Static<typeof documentsSchema>;

/** @throws VALIDATION_FAILED naming every document that is not what it says, and when they are too large together */
export function readDocuments(documents: Given): FilePart[] {
  const faults: Fault[] = [];
  const files = documents.map(({ name, mediaType, base64 }, index): FilePart => {
    const bytes = Buffer.from(base64, "base64");
    const beginning = beginnings[mediaType];
    if (bytes.toString("base64").replace(/=+$/, "") !== base64.replace(/=+$/, ""))
      faults.push({ pointer: `/documents/${index}/base64`, detail: "must be base64" });
    else if (!bytes.subarray(0, beginning.length / 2).equals(Buffer.from(beginning, "hex")))
      faults.push({ pointer: `/documents/${index}/base64`, detail: `must be the bytes of a document of ${mediaType}` });
    return { name, mediaType, bytes };
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > mostBytes) faults.push({ pointer: "/documents", detail: `must have at most ${mostBytes} bytes together; ${bytes} came` });
  if (faults.length) throw errors.invalid(faults);
  return files;
}
