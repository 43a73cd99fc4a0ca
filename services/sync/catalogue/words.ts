import type { DomainEvent } from "../../../config/events.ts";
import { wordsOf } from "../../../entities/AssetWords.ts";
import type { Subscription } from "../../../mixins/consumer.ts";
import { prepared, type Em } from "../../../mixins/database.ts";

/** Writes down the words of assets' paths as they are now, for `sync.assets_matching`. Those that do not exist are left out. */
export async function recordWords(em: Em, assetIds: string[]): Promise<void> {
  await prepared(
    em,
    // Looked up one by one: joined, all assets would be read for each few hundred.
    `insert into sync.asset_words as w (asset_id, tenant_id, words)
     select a.id, a.tenant_id, ${wordsOf("a.path", "a.tenant_id")}
     from (select unnest($1::uuid[]) as id order by 1) wanted
     cross join lateral (select * from sync.assets a where a.id = wanted.id limit 1) a
     on conflict (asset_id) do update set words = excluded.words where w.words <> excluded.words`,
    [assetIds],
  );
}

/** After the sync, not in it: see entities/AssetWords.ts. A search finds an asset moments after it is stored or moved. */
export const wordSubscriptions: Subscription[] = [
  {
    name: "catalogue-words",
    type: "asset.stored",
    commit: (em, event) => recordWords(em, (event as DomainEvent<"asset.stored">).data.assetIds),
  },
  {
    name: "catalogue-words-moved",
    type: "asset.moved",
    commit: (em, event) =>
      recordWords(
        em,
        (event as DomainEvent<"asset.moved">).data.assets.map(({ id }) => id),
      ),
  },
];
