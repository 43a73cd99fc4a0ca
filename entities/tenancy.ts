import type { PolicyDef } from "@mikro-orm/core";

/**
 * Row-level security of every table that holds tenants' rows. Without a tenant set, the role of a service sees nothing:
 * `legendo.tenant` is set per transaction by the orm mixin, `legendo.scope = 'system'` by workers that serve all tenants.
 * The scalar sub-selects make PostgreSQL read the settings once per statement instead of once per row.
 */
const inSystemScope = `(select current_setting('legendo.scope', true)) = 'system'`;
export const currentTenant = `(select nullif(current_setting('legendo.tenant', true), '')::uuid)`;

export const tenantPolicy = (column = "tenant_id"): PolicyDef[] => {
  const rule = `${column} = ${currentTenant} or ${inSystemScope}`;
  return [{ name: "tenant_isolation", using: rule, check: rule }];
};

/** For tables without a tenant of their own, e.g. signing keys: only the system scope sees them. */
export const systemPolicy = (): PolicyDef[] => [{ name: "system_only", using: inSystemScope, check: inSystemScope }];

/** For tables whose rows belong to a tenant through another table. */
export const relatedPolicy = (exists: string): PolicyDef[] => [
  { name: "tenant_isolation", using: `exists (${exists}) or ${inSystemScope}`, check: inSystemScope },
];
