import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/**
 * SQL that makes a tsvector of a text's words, in lower case, each behind the first eight digits of its tenant's id: a search of one
 * tenant then reads nothing of another's. Of a longer path the end is taken: a word of more than 2,046 bytes would be refused.
 */
export const wordsOf = (text: string, tenant: string) =>
  `array_to_tsvector(string_to_array(left(${tenant}::text, 8) || regexp_replace(lower(right(${text}, 500) collate "und-x-icu"), '[^[:alnum:]]+', ' ' || left(${tenant}::text, 8), 'g'), ' '))`;

/**
 * The words of assets' paths, for search. A table of its own, written after the asset (services/sync/catalogue/words.ts): in the asset's
 * row the index would cost a sync a third more, and as much again whenever anything of the row changes.
 */
export const AssetWords = defineEntity({
  name: "AssetWords",
  tableName: "asset_words",
  schema: "sync",
  properties: {
    assetId: p.uuid().primary(),
    tenantId: p.uuid(),
    words: p.string().columnType("tsvector"),
  },
  indexes: [{ name: "asset_words_words", expression: `create index "asset_words_words" on "sync"."asset_words" using gin ("words")` }],
  policies: tenantPolicy(),
});
