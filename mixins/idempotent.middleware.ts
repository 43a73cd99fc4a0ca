import type { Middleware, ServiceSchema } from "moleculer";

/** Lets the caller's broker repeat a failed call of an action marked `idempotent`; everything else is called once. */
export const idempotentMiddleware = (): Middleware => ({
  name: "Idempotent",
  serviceCreating(_service: unknown, schema: ServiceSchema) {
    for (const action of Object.values(schema.actions ?? {})) {
      // The policy travels with the action's description to every calling node.
      if (typeof action === "object" && (action as { idempotent?: boolean }).idempotent)
        Object.assign(action, { retryPolicy: { retries: 3 } });
    }
  },
});
