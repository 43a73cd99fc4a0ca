import { env } from "../../../config/env.ts";
import type { Host } from "../../../config/service.ts";
import { serviceClaim } from "../../../mixins/claim.ts";
import type { WithDatabase } from "../../../mixins/orm.mixin.ts";
import type { Post } from "./mailing.ts";

/** What a payment service mails invoices with. */
export const postOf = ({ db, broker }: Host<WithDatabase>): Post => ({
  db,
  broker,
  claimOf: (tenantId) => serviceClaim(env.CLUSTER_SECRET, "payment", tenantId),
});
