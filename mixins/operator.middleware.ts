import type { CallingOptions, Context, Middleware } from "moleculer";
import { permissions } from "../config/permissions.ts";
import { serviceClaim } from "./claim.ts";

type Call = (
  name: string,
  params?: unknown,
  options?: CallingOptions & { meta?: { tenantId?: string; claim?: string } },
) => Promise<unknown>;

/**
 * Only on the operator's node, which holds the cluster secret: `call sync.jobs.list --#tenantId <uuid>` gets a claim for that
 * organisation, so that the prompt's own `call` command works on actions with a permission.
 */
export const operatorMiddleware = (clusterSecret: string): Middleware =>
  ({
    name: "Operator",
    call(next: Call) {
      return async function (this: unknown, name: string, params?: unknown, options: Parameters<Call>[2] & { ctx?: Context } = {}) {
        const { tenantId, claim } = options.meta ?? {};
        if (!tenantId || claim) return await next.call(this, name, params, options);
        const signed = await serviceClaim(clusterSecret, "repl", tenantId, [...permissions]);
        return await next.call(this, name, params, { ...options, meta: { ...options.meta, claim: signed } });
      };
    },
  }) as unknown as Middleware;
