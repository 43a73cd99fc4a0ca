import { Migration } from '@mikro-orm/migrations';

export class Migration20261122215326_catalogue_indexes extends Migration {

  override name = 'Migration20261122215326_catalogue_indexes';

  override up(): void | Promise<void> {
    this.addSql(`create table "sync"."asset_words" ("asset_id" uuid not null, "tenant_id" uuid not null, "words" tsvector not null, primary key ("asset_id"));`);
    this.addSql(`insert into "sync"."asset_words" select id, tenant_id, array_to_tsvector(string_to_array(left(tenant_id::text, 8) || regexp_replace(lower(right(path, 500) collate "und-x-icu"), '[^[:alnum:]]+', ' ' || left(tenant_id::text, 8), 'g'), ' ')) from "sync"."assets";`);
    this.addSql(`create index "asset_words_words" on "sync"."asset_words" using gin ("words");`);

    this.addSql(`drop index "sync"."assets_tenant_id_category_created_at_index";`);
    this.addSql(`drop index "sync"."assets_tenant_id_created_at_id_index";`);
    this.addSql(`alter table "sync"."assets" alter column "name" type text collate "C";`);
    this.addSql(`create index "assets_source_id_created_at_index" on "sync"."assets" ("source_id", "created_at");`);
    this.addSql(`create index "assets_source_id_updated_at_index" on "sync"."assets" ("source_id", "updated_at");`);
    this.addSql(`create index "assets_source_id_name_id_index" on "sync"."assets" ("source_id", "name", "id");`);
    this.addSql(`create index "assets_source_id_size_id_index" on "sync"."assets" ("source_id", "size", "id");`);
    this.addSql(`create index "assets_by_category" on "sync"."assets" ("tenant_id", "category", "created_at") where category is not null;`);
    this.addSql(`create index "assets_by_media_type" on "sync"."assets" ("tenant_id", "media_type", "created_at") where media_type is not null;`);
    this.addSql(`create index "assets_gone" on "sync"."assets" ("source_id", "gone_at") where gone_at is not null;`);

    this.addSql(`drop index "sync"."asset_versions_moves";`);
    this.addSql(`create index "asset_versions_moves" on "sync"."asset_versions" ("tenant_id", "created_at", "asset_id") where change = 'moved';`);

    this.addSql(`alter table "sync"."asset_words" enable row level security;`);
    this.addSql(`create policy "tenant_isolation" on "sync"."asset_words" using (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system') with check (tenant_id = (select nullif(current_setting('legendo.tenant', true), '')::uuid) or (select current_setting('legendo.scope', true)) = 'system');`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "sync"."asset_words" cascade;`);

    this.addSql(`drop index "sync"."asset_versions_moves";`);
    this.addSql(`create index "asset_versions_moves" on "sync"."asset_versions" ("tenant_id", "path") where change = 'moved'::text;`);

    this.addSql(`drop index "sync"."assets_source_id_created_at_index";`);
    this.addSql(`drop index "sync"."assets_source_id_updated_at_index";`);
    this.addSql(`drop index "sync"."assets_source_id_name_id_index";`);
    this.addSql(`drop index "sync"."assets_source_id_size_id_index";`);
    this.addSql(`drop index "sync"."assets_by_category";`);
    this.addSql(`drop index "sync"."assets_by_media_type";`);
    this.addSql(`drop index "sync"."assets_gone";`);
    this.addSql(`alter table "sync"."assets" alter column "name" type text using ("name"::text);`);
    this.addSql(`create index "assets_tenant_id_category_created_at_index" on "sync"."assets" ("tenant_id", "category", "created_at");`);
    this.addSql(`create index "assets_tenant_id_created_at_id_index" on "sync"."assets" ("tenant_id", "created_at", "id");`);
  }

}
