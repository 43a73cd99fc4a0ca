import type { Em } from "../../mixins/database.ts";

/** What the AI service found out, where the content is still the one it looked at. */
export async function recordAnalysis(
  em: Em,
  assets: { id: string; contentId: string; mediaType: string; category: string; duplicateOf: string | null }[],
): Promise<void> {
  await em.execute(
    `update sync.assets a set media_type = r."mediaType", category = r.category, duplicate_of = r."duplicateOf"
     from json_to_recordset(?::json) as r(id uuid, "contentId" text, "mediaType" text, category text, "duplicateOf" uuid)
     where a.id = r.id and a.content_id = decode(r."contentId", 'hex')`,
    [JSON.stringify(assets)],
    "run",
  );
}
