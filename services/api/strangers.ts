import { subscriberOf } from "../../mixins/networks.ts";
import { Acquaintances, Crowd, type CrowdLimits } from "./crowd.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import type { Route } from "./routes.ts";
import { Turnstile } from "./turnstile.ts";

/** What anybody may have done that is more than looking: each of these routes has its own crowd, so that a flood of one leaves the others be. */
export const takesSome = ({ permission, method }: Pick<Route, "permission" | "method">): boolean =>
  permission === "public" && method !== "GET";

/** Of what strangers ask on connections that are open already. */
const perTurn = 4;

/** The crowds before the routes that take requests without a token. */
export class Strangers {
  private readonly turnstile = new Turnstile(perTurn);
  private readonly acquaintances = new Acquaintances();
  private readonly crowds = new Map<string, Crowd>();
  private readonly limits: CrowdLimits;

  /** @param atOnce requests that are worked on at the same time, for each route; a quarter of that for one network, and twice as many wait */
  constructor(atOnce: number) {
    this.limits = { atOnce, each: Math.ceil(atOnce / 4), waiting: atOnce * 2 };
  }

  /** Somebody was recognised there, by a token or by PayPal's signature. */
  recognise(address: string | undefined): void {
    this.acquaintances.add(networkOf(address));
  }

  /** Lets a request in: by and by those that strangers make, of whom a thousand may ask at the same moment, others at once. */
  line(req: EdgeRequest, route: Route | undefined, enter: () => void): void {
    const { authorization, "x-api-key": key } = req.headers;
    // The path of a route may have parts that only the gateway recognises.
    const stranger = route ? takesSome(route) : req.method !== "GET" && authorization === undefined && key === undefined;
    if (stranger) this.turnstile.pass(enter);
    else enter();
  }

  /** Refuses a request when there are too many already; else it may read its body, and enter and leave then. @throws TOO_MANY_AT_ONCE */
  meet(route: Route, req: EdgeRequest, res: EdgeResponse): void {
    const network = networkOf(req.from);
    const crowd = this.crowdOf(route);
    crowd.check(network);
    req.enter = async () => {
      const gone = new AbortController();
      if (req.gone) gone.abort();
      else res.once("close", () => gone.abort());
      req.leave = await crowd.enter(network, gone.signal);
    };
  }

  private crowdOf({ method, path }: Route): Crowd {
    const key = `${method} ${path}`;
    let crowd = this.crowds.get(key);
    if (!crowd) this.crowds.set(key, (crowd = new Crowd(this.limits, this.acquaintances)));
    return crowd;
  }
}

/** Clients behind a proxy that does not tell addresses count as one. */
const networkOf = (address: string | undefined) => (address === undefined ? "" : subscriberOf(address));
