import Type, { type Static } from "typebox";
import { strict } from "../../config/action.ts";
import { jobMails } from "../../config/states.ts";

/** What a source's settings and a job's options may hold; a job's win over its source's. Every member has a default: see `defaults`. */
export const jobOptions = strict({
  analyse: Type.Optional(Type.Boolean({ description: "Whether the AI service looks at new assets; true when left out." })),
  filters: Type.Optional(
    strict({
      include: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), {
          maxItems: 200,
          description: "Globs of paths that are synced, e.g. photos/**/*.jpg; everything when left out.",
        }),
      ),
      exclude: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), {
          maxItems: 200,
          description: "Globs of paths that are left out; they win.",
        }),
      ),
      minSize: Type.Optional(Type.Integer({ minimum: 0, description: "Smallest size, bytes." })),
      maxSize: Type.Optional(Type.Integer({ minimum: 0, description: "Largest size, bytes." })),
      modifiedAfter: Type.Optional(Type.String({ format: "date-time", description: "Only what was modified at or after this time." })),
      modifiedBefore: Type.Optional(Type.String({ format: "date-time", description: "Only what was modified before this time." })),
    }),
  ),
  deletions: Type.Optional(
    Type.Enum(["keep", "mark", "propagate"], {
      description:
        "What happens to assets that the source has no more: keep leaves them, mark shows them as gone with their versions, propagate removes them from the catalogue once their retention is over. mark when left out.",
    }),
  ),
  thresholds: Type.Optional(
    strict({
      deletes: Type.Optional(
        Type.Integer({ minimum: 0, description: "More deletions than this park the job for approval; 1,000 when left out." }),
      ),
      deleteShare: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: 1,
          description: "Deletions above this share of the catalogued assets park the job; 0.25 when left out.",
        }),
      ),
      changeShare: Type.Optional(
        Type.Number({
          minimum: 0,
          maximum: 1,
          description: "Changes above this share of the catalogued assets park the job; 0.9 when left out.",
        }),
      ),
      emptied: Type.Optional(
        Type.Boolean({ description: "Whether a source that lists nothing any more parks the job; true when left out." }),
      ),
    }),
  ),
  moves: Type.Optional(
    Type.Enum(["auto", "content"], {
      description:
        "How renames are recognised where the source gives no checksum: auto trusts size, time and file name, content reads the file again. auto when left out.",
    }),
  ),
  mail: Type.Optional(
    Type.Array(Type.Enum([...jobMails]), {
      maxItems: jobMails.length,
      uniqueItems: true,
      description: "On what the person who made the job, or whose API key did, gets an e-mail; none when left out.",
    }),
  ),
  compression: Type.Optional(
    Type.Enum(["auto", "on", "off"], {
      description:
        "Whether what is worth it is compressed (zstd) before sealing: auto where source or vault are across a network, so that it saves time, on everywhere. auto when left out.",
    }),
  ),
  limits: Type.Optional(
    strict({
      bytesPerSecond: Type.Optional(Type.Integer({ minimum: 1024, description: "Bandwidth of the source, bytes a second." })),
      requestsPerSecond: Type.Optional(Type.Number({ minimum: 0.1, description: "Requests (files opened, pages listed) a second." })),
    }),
  ),
  retention: Type.Optional(
    strict({
      versions: Type.Optional(
        Type.Integer({ minimum: 1, description: "Versions of an asset that are kept whatever their age; 100 when left out." }),
      ),
      days: Type.Optional(
        Type.Integer({ minimum: 0, description: "Days a version that was replaced is kept at least; 365 when left out." }),
      ),
      goneDays: Type.Optional(
        Type.Integer({ minimum: 0, description: "Days an asset that its source lacks is kept (deletions: propagate); 30 when left out." }),
      ),
    }),
  ),
});
export type JobOptions = Static<typeof jobOptions>;

/** A job's options with its source's settings below them, member by member. */
export const merged = (settings: JobOptions, options: JobOptions): JobOptions => {
  const inner = (name: "filters" | "thresholds" | "limits" | "retention") =>
    settings[name] || options[name] ? { [name]: { ...settings[name], ...options[name] } } : {};
  return { ...settings, ...options, ...inner("filters"), ...inner("thresholds"), ...inner("limits"), ...inner("retention") };
};
