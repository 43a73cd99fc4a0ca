import type { Context } from "moleculer";
import type { Static, TSchema } from "typebox";
import Type from "typebox";
import type { ActName } from "./acts.ts";
import type { Meta, Permission, Principal } from "./permissions.ts";
import type { Kind, Things } from "./rules.ts";

/** How the things can be known that an action is done to, for rules of roles that look at them. */
export type Concern<Params> = {
  [K in Kind]: { kind: K } & (
    | {
        /** The param that is the thing's id; the service's method `attributesOf` tells what the rules look at. */ id: keyof Params &
          string;
      }
    /** What it would make or look into, by params that are not checked yet. */
    | { of(params: Partial<Params>, principal: Principal): Things[K] | Things[K][] }
    /** The handler shows only what `visible(ctx, …)` lets through. */
    | { filtered: true }
    /** The handler finds out what it is about, and calls `demand(ctx, …)` before anything else. */
    | { demanded: true }
  );
}[Kind];

/** What an action says about itself. Every rule is a flag here; a middleware or the edge honours it. */
export interface ActionDefinition<Host, P extends TSchema, R> {
  /** One sentence; the REPL and the OpenAPI document show it. */
  description: string;
  /** What the caller must be allowed to do. "public" needs no claim; `caller(ctx)` then refuses. */
  permission: Permission | "public";
  /** Without it, who has the permission under a rule about things is refused. */
  concerns?: Concern<Static<P>>;
  /** TypeBox object; unknown members are refused. */
  params: P;
  /** "METHOD /path" below /api/v1; without it the action can't be reached over HTTP. */
  rest?: string | string[];
  /** HTTP status of success, 200 unless said. */
  status?: number;
  /** A repeat changes nothing more: the broker may retry it. */
  idempotent?: boolean;
  /** Honours an Idempotency-Key header. */
  idempotencyKey?: boolean;
  /** The result is `Binary` and leaves the edge as bytes. */
  binary?: boolean;
  /**
   * Every call is written to the audit log under this name, a past-tense fact such as "apikey.revoked", whatever its outcome. `object` says what it
   * is done to, as kind:param: "apikey:id" becomes "apikey:<the param id>".
   */
  audit?: ActName | { act: ActName; object: `${string}:${string}` };
  /** Moves money or keys: who has a second factor, or has to have one, must have shown it within the last ten minutes. */
  stepUp?: boolean;
  /** Milliseconds, instead of the broker's requestTimeout. */
  timeout?: number;
  handler(this: Host, ctx: Context<Static<P>, Meta>): Promise<R>;
}

export interface Binary {
  mediaType: string;
  base64: string;
  etag: string;
  /** A page of our own making and no tenant's content: a browser may follow where it sends it. */
  ownPage?: true;
}

/** A page of a list, as it leaves the edge. */
export interface Page<T> {
  data: T[];
  pagination: { cursor: string | null; hasNext: boolean; hasPrev: boolean };
}

/** `const action = actionOf<Host>()`: types `this` and `ctx.params` of each action from its schema. */
export const actionOf =
  <Host>() =>
  <P extends TSchema, R>(definition: ActionDefinition<Host, P, R>): ActionDefinition<Host, P, R> =>
    definition;

/** Params and results of a service's actions under their full names, for `config/calls.ts`. */
export type ActionTypes<Name extends string, Actions> = {
  [K in keyof Actions & string as `${Name}.${K}`]: Actions[K] extends ActionDefinition<never, infer P extends TSchema, infer R>
    ? { params: Static<P>; result: R }
    : never;
};

/** An object schema that refuses members it does not know. */
export const strict = <T extends Record<string, TSchema>>(properties: T) => Type.Object(properties, { additionalProperties: false });

export const uuid = (description: string) => Type.String({ format: "uuid", description });

/** Params of every list. */
export const pageParams = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "Rows per page." })),
  cursor: Type.Optional(Type.String({ maxLength: 1024, description: "Where the page starts: the cursor of the page before." })),
};

/** A symbol that nothing outside this file can name or send: what stands under it was put there by `admit`. */
const admitted = Symbol("principal");
const recognised = Symbol("recognised");
type Admitted = { [admitted]?: Principal; [recognised]?: Principal };
/** Only the permission middleware calls this, after it has verified the claim. */
export const admit = (ctx: object, principal: Principal) => void ((ctx as Admitted)[admitted] = principal);

/** Whose claim was verified, whether or not it carries the permission; undefined for a public action and a claim that does not hold. */
export const recognisedCaller = (ctx: object): Principal | undefined => (ctx as Admitted)[recognised];
/** Only the permission middleware calls this. */
export const recognise = (ctx: object, principal: Principal) => void ((ctx as Admitted)[recognised] = principal);

/** The verified caller. @throws Error when the action is public and nobody was admitted: a programming fault. */
export function caller(ctx: object): Principal {
  const principal = (ctx as Admitted)[admitted];
  if (!principal) throw new Error("caller() needs an action with a permission");
  return principal;
}
