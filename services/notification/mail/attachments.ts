import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";

/**
 * A file that travels with a mail. Of what programs may run there is none, and all together they have to fit into a message of the broker
 * (1 MB) with the rest.
 */
export const attachmentsSchema = Type.Array(
  strict({
    name: Type.String({ pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description: "Its name, of plain letters." }),
    mediaType: Type.Enum(["application/pdf", "application/xml"], { description: "What it is." }),
    base64: Type.String({ minLength: 4, maxLength: 300_000, pattern: "^[A-Za-z0-9+/]+={0,2}$", description: "Its bytes." }),
  }),
  { maxItems: 2, description: "Files that travel with it." },
);
export type Attachment = Static<typeof attachmentsSchema>[number];
