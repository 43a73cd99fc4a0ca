import type { SchemaName } from "../config/names.ts";
import { wordsOf } from "./AssetWords.ts";
import { partitionFunctions } from "./partitions.ts";
import { currentTenant } from "./tenancy.ts";

/** SQL of a word of a search as a term of a tsquery: those of one or two letters whole, others from their beginning. */
const term = "'''' || word || '''' || case when octet_length(word) > 10 then ':*' else '' end";
const wordsWanted = `unnest(tsvector_to_array(${wordsOf("wanted", currentTenant)})) as word where length(word) > 8`;

/** What a search asks of an asset's words: all of the text's. Null when it has none. */
const wordsQuery = `
create or replace function sync.words_query(wanted text) returns tsquery language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg(${term}, ' & ')::tsquery from ${wordsWanted}
$$;`;

/**
 * Ids of up to `most` assets of the current tenant that a search finds, in no order. Of a search with frequent words beside rare ones only the
 * rare ones are looked up, and the others of it met in what that finds; where so many have the rare ones, some lack the frequent ones. Row-level security lets no operator use an index that
 * might tell of other rows by its errors, and full-text search's might; so this runs as the tables' owner, for the tenant that the
 * transaction has named, and gives nothing but ids of its rows. No other index could serve its inner query, so it ends at `most` rows.
 */
const assetsMatching = `
create or replace function sync.assets_matching(wanted text, most int) returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  with frequent as materialized (
    select f.word, f.share from pg_stats s cross join unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) as f(word, share)
    where s.schemaname = 'sync' and s.tablename = 'asset_words' and s.attname = 'words'
  ), estimated as (
    select word, coalesce((select sum(share) from frequent f where starts_with(f.word, w.word)), 0)
                 * (select reltuples from pg_class where oid = 'sync.asset_words'::regclass) as assets
    from (select word from ${wordsWanted}) w
  ), query as materialized (
    select string_agg(${term}, ' & ')::tsquery as words
    from (select word, row_number() over rarest as number, sum(assets) over rarest as assets from estimated window rarest as (order by assets, word)) e
    where number = 1 or assets < 1000000
  ), found as materialized (
    select w.asset_id, w.tenant_id, w.words from sync.asset_words w where w.words @@ (select words from query) limit most
  )
  select asset_id from found
  where tenant_id = ${currentTenant} and ((select count(*) from found) >= most or words @@ (select sync.words_query(wanted)))
$$;
revoke all on function sync.assets_matching(text, int) from public;`;

/** SQL of a service's functions. The migrations' role owns them; `migrate` makes them anew each time and lets the service's role call them. */
export const functionsOf = (service: SchemaName): string[] => [
  ...partitionFunctions(service),
  ...(service === "sync" ? [wordsQuery, assetsMatching] : []),
];
