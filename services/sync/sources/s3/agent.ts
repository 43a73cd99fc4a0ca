import { Agent, buildConnector } from "undici";
import { dial } from "../../../../mixins/reach.ts";
import { lookupOf, silenceOf } from "../reach.ts";
import type { S3Spec } from "./place.ts";

/** Milliseconds until a connection must stand, and its TLS. */
const CONNECT = 5_000;

/** Connections to a bucket, made with the same care as those of the SDK (mixins/vault/bucket.ts) and kept between requests. */
export function agentFor(spec: S3Spec): Agent {
  const { ca, proxy } = spec;
  const lookup = lookupOf(spec);
  const silence = silenceOf(spec);
  const secure = buildConnector({ timeout: CONNECT, allowH2: false, ...(ca && { ca }) });
  const connect: buildConnector.connector = (to, done) => {
    const port = Number(to.port) || (to.protocol === "https:" ? 443 : 80);
    dial({ host: to.hostname, port, timeout: CONNECT, ...(lookup && { lookup }), ...(proxy && { proxy }) }).then(
      (socket) => (to.protocol === "https:" ? secure({ ...to, httpSocket: socket }, done) : done(null, socket)),
      (error: Error) => done(error, null),
    );
  };
  return new Agent({ connections: 64, connect, headersTimeout: silence, bodyTimeout: silence, allowH2: false });
}
