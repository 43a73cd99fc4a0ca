import type { Context } from "moleculer";
import { errors } from "../../../config/errors.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import type { PolicyChanged } from "../../../mixins/permission.middleware.ts";

/**
 * Changes who may do what in an organisation. The new version is written first: changes of one organisation wait for each other, so that two owners
 * can't remove each other at the same moment. Every node hears of it after the commit.
 */
export async function changePolicy<R>(
  db: Database,
  ctx: Pick<Context, "broadcast">,
  tenantId: string,
  work: (em: Em) => Promise<R>,
): Promise<R> {
  const { version, result } = await db.tenant(tenantId, async (em) => {
    const { version } = await nextVersion(em, tenantId);
    return { version, result: await work(em) };
  });
  await tellChange(ctx, { tenantId, version });
  return result;
}

/** Raises an organisation's version, and with it locks its policy until the transaction ends. */
export async function nextVersion(em: Em, tenantId: string): Promise<{ version: number }> {
  const next = await row<{ version: number }>(
    em,
    `update auth.organisations set policy_version = policy_version + 1 where id = ? returning policy_version as version`,
    [tenantId],
  );
  if (!next) throw errors.notFound("This organisation no longer exists.", { tenantId });
  return next;
}

export const tellChange = (ctx: Pick<Context, "broadcast">, change: PolicyChanged): Promise<void> =>
  ctx.broadcast("policy.changed", change);
