import { env } from "../../../config/env.ts";
import { mixin, type Host } from "../../../config/service.ts";
import type { WithDatabase } from "../../../mixins/orm.mixin.ts";
import { Records } from "./records.ts";

export interface WithRecords extends WithDatabase {
  records: Records;
}

/** Gives a service `this.records`. List it before ormMixin: the last mixin starts first. */
export const recordsMixin = mixin<Host<WithRecords>>()({
  started() {
    this.records = new Records(this.db, env.CLUSTER_SECRET, (revocation) => this.broker.broadcast("credential.revoked", revocation));
  },
});
