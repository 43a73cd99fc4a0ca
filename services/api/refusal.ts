import type { CallingOptions, ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import type { Principal } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { failureType } from "../../config/errors.ts";
import { serviceClaim } from "../../mixins/claim.ts";
import type { EdgeRequest } from "./exchange.ts";

/** Records that a caller was refused what the edge answers itself. */
export async function recordRefusal(
  broker: ServiceBroker,
  { tenantId, subject }: Principal,
  req: EdgeRequest,
  error: unknown,
): Promise<void> {
  const claim = await serviceClaim(env.CLUSTER_SECRET, "api", tenantId);
  const { client } = req.$ctx.meta;
  const refused = { actor: subject, object: `route:${req.route!.method} ${req.route!.path}`, code: failureType(error) };
  const options = { meta: { claim, ...(client && { client }) }, requestID: req.requestId };
  await call(broker, "auth.audit.refused", refused, options as CallingOptions);
}
