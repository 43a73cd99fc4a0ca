import { Agent, buildConnector } from "undici";
import { connectTo, networkPlace, silenceOf } from "../reach.ts";
import type { Spec } from "../source.ts";
import type { HttpSpec } from "./access.ts";
import { portOf } from "./urls.ts";

/** Requests to one host at the same time. */
export const CONNECTIONS = 16;

/**
 * What may be known of the host of any URL, be it the source's own, one that its manifest leads to, or one that a redirect leads to.
 * @throws SOURCE_NOT_ALLOWED for an address of our own network that the operator has not allowed for this source
 */
export function placeOf(spec: HttpSpec, url: URL): Spec {
  const privateHosts = [spec, ...spec.hosts].filter(({ trusted }) => trusted).map(({ host }) => host);
  const place = networkPlace(url, portOf(url), { roots: [], privateHosts, ...(spec.outside && { proxy: spec.outside }) });
  return { kind: "http", uri: url.origin, ...place, ...(spec.silence && { silence: spec.silence }) };
}

/** Connections for a source, checked one by one and kept between requests; used for nothing else. */
export function agentFor(spec: HttpSpec): Agent {
  const silence = silenceOf(spec);
  const options = { timeout: Math.min(silence, 10_000), allowH2: false };
  const secure = buildConnector(options);
  const ownSecure = spec.ca ? buildConnector({ ...options, ca: spec.ca }) : secure;
  const connect: buildConnector.connector = (to, done) => {
    const place = placeOf(spec, new URL(`${to.protocol}//${to.host}`));
    connectTo(place).then(
      (socket) => {
        if (to.protocol !== "https:") return done(null, socket);
        const handshake = place.host === spec.host ? ownSecure : secure;
        handshake({ ...to, httpSocket: socket }, done);
      },
      (error: Error) => done(error, null),
    );
  };
  return new Agent({
    connections: CONNECTIONS,
    connect,
    headersTimeout: silence,
    bodyTimeout: silence,
    maxHeaderSize: 32 * 1024,
    allowH2: false,
  });
}
