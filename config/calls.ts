import type { CallingOptions } from "moleculer";

/**
 * Every action's params and result under its full name, derived from the services' own definitions. A wrong name or a wrong
 * param does not compile. The imports are types only: at run time nothing here knows a service.
 */
export interface ActionMap {
  "auth.keys.public": { params: Record<string, never>; result: { keys: object[] } };
}
export type ActionName = keyof ActionMap;

interface Caller {
  call(name: string, params?: unknown, options?: CallingOptions): Promise<unknown>;
}

/** Calls an action through the broker or a context (which passes the claim on). */
export function call<N extends ActionName>(
  via: Caller,
  name: N,
  params: ActionMap[N]["params"],
  options?: CallingOptions,
): Promise<ActionMap[N]["result"]> {
  // Moleculer writes into the options it is given, so each call gets its own.
  return via.call(name, params, options && { ...options }) as Promise<ActionMap[N]["result"]>;
}
