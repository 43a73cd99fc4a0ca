import type { SchemaName } from "../config/contracts.ts";
import { wordsOf } from "./AssetWords.ts";
import { partitionFunctions } from "./partitions.ts";
import { currentTenant } from "./tenancy.ts";

/** What a search asks of an asset's words: all of the text's, each from its beginning, those of one or two letters whole. Null without any. */
const wordsQuery = `
create or replace function sync.words_query(wanted text) returns tsquery language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg('''' || word || '''' || case when octet_length(word) > 10 then ':*' else '' end, ' & ')::tsquery
  from unnest(tsvector_to_array(${wordsOf("wanted", currentTenant)})) as word where length(word) > 8
$$;`;

/**
 * Ids of up to `most` assets of the current tenant that a search finds, in no order. Row-level security lets no operator use an index that
 * might tell of other rows by its errors, and full-text search's might; so this runs as the tables' owner, for the tenant that the
 * transaction has named, and gives nothing but ids of its rows. No other index could serve its inner query, so it ends at `most` rows.
 */
const assetsMatching = `
create or replace function sync.assets_matching(wanted text, most int) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  with found as materialized (
    select w.asset_id, w.tenant_id from sync.asset_words w where w.words @@ (select sync.words_query(wanted)) limit most
  )
  select asset_id from found where tenant_id = ${currentTenant}
$$;
revoke all on function sync.assets_matching(text, int) from public;`;

/** SQL of a service's functions. The migrations' role owns them; `migrate` makes them anew each time and lets the service's role call them. */
export const functionsOf = (service: SchemaName): string[] => [
  ...partitionFunctions(service),
  ...(service === "sync" ? [wordsQuery, assetsMatching] : []),
];
