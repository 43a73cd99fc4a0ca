import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { pageAddress, prometheusMixin, type Collector } from "../../mixins/prometheus.mixin.ts";

/** The cluster's Prometheus page. */
export default service<Host<Collector>>()({
  name: "metrics",
  mixins: [prometheusMixin],
  // http.Server.listen() takes an object, so the port carries its host; a bare number would listen on all addresses.
  settings: { port: { port: env.METRICS_PORT, host: env.METRICS_HOST } } as object,
  started() {
    this.logger.info(`Metrics are served at ${pageAddress(this)}`);
    return Promise.resolve();
  },
});
