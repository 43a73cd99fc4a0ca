import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** complete: all of it was read; partial: identified, but a part could not be read; failed: nothing can be said about it. */
export const analysisStatuses = ["complete", "partial", "failed"] as const;
export type AnalysisStatus = (typeof analysisStatuses)[number];

/** What one version of the analyser found in one content. Unique per content, so a second delivery and an exact twin cost nothing. */
export const AiAnalysis = defineEntity({
  name: "AiAnalysis",
  tableName: "analyses",
  schema: "ai",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    contentId: p.blob(),
    analyser: p.text(),
    /** The asset whose bytes were read. */
    assetId: p.uuid(),
    status: p.enum(analysisStatuses),
    mediaType: p.text(),
    category: p.text(),
    confidence: p.float(),
    metadata: p.json(),
    problem: p.text().nullable(),
    durationMs: p.integer(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["tenantId", "contentId", "analyser"] }],
  policies: tenantPolicy(),
});
