import type { Service, ServiceSchema, ServiceSettingSchema } from "moleculer";
import type { TSchema } from "typebox";
import type { ActionDefinition } from "./action.ts";

/**
 * Moleculer types `this` of handlers and life-cycle hooks as Service & Record<string, any>, that is, unchecked.
 * `Host<Fields>` is the Moleculer service plus the fields that mixins and `created` put there; `service<Host>()` and `mixin<Host>()` check it.
 */
export type Host<Fields = object> = Service<ServiceSettingSchema> & Fields;

interface Parts<H> {
  name?: string;
  version?: string | number;
  mixins?: Partial<ServiceSchema>[];
  dependencies?: string | string[];
  settings?: ServiceSettingSchema;
  metadata?: object;
  // A definition's own params differ from action to action; its handler is checked where it is written.
  actions?: Record<string, ActionDefinition<H, TSchema, unknown>>;
  methods?: Record<string, (this: H, ...args: never[]) => unknown>;
  events?: Record<string, (this: H, ctx: never) => unknown>;
  created?: (this: H) => void;
  started?: (this: H) => Promise<void> | void;
  stopped?: (this: H) => Promise<void> | void;
}

export const service =
  <H extends Host>() =>
  (schema: Parts<H> & { name: string }): ServiceSchema =>
    schema as unknown as ServiceSchema;

export const mixin =
  <H extends Host>() =>
  (schema: Parts<H>): Partial<ServiceSchema> =>
    schema as unknown as Partial<ServiceSchema>;
