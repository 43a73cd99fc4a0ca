import { env } from "../../config/env.ts";
import { mixin, type Host } from "../../config/service.ts";
import type { WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { Issuer } from "./issuer.ts";

export interface WithIssuer extends WithDatabase {
  issuer: Issuer;
}

/** Gives a service `this.issuer`. List it before ormMixin: the last mixin starts first. */
export const issuerMixin = mixin<Host<WithIssuer>>()({
  events: {
    "signing.rotated"() {
      this.issuer?.forget();
    },
  },
  async started() {
    this.issuer = new Issuer(this.db, keyManager(env));
    await this.issuer.pair();
  },
});
