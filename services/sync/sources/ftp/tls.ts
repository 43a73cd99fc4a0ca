import { isIP, type Socket } from "node:net";
import { connect, createSecureContext, type PeerCertificate, type SecureContext, type TLSSocket } from "node:tls";
import { errors, messageOf } from "../../../../config/errors.ts";
import { silenceOf } from "../reach.ts";
import type { FtpSpec } from "./spec.ts";

/** The latest of the tickets by which a server knows a client again. */
export interface Ticket {
  latest?: Buffer;
}

export interface Secured {
  socket: TLSSocket;
  /** Wait for it before anything is sent or taken. @throws SOURCE_DENIED when the certificate is not trusted, SOURCE_UNREACHABLE */
  ready: Promise<void>;
}

const hostOf = ({ host }: FtpSpec) => host.slice(0, host.lastIndexOf(":")).replace(/^\[|\]$/g, "");

/** Reading certificates takes longer than a handshake. */
const contexts = new WeakMap<FtpSpec, SecureContext>();
function contextOf(spec: FtpSpec): SecureContext {
  const context = contexts.get(spec) ?? createSecureContext(spec.ca === undefined ? {} : { ca: spec.ca });
  contexts.set(spec, context);
  return context;
}

/**
 * Starts TLS on a connection. Data connections go on with the session of the control connection: servers take that for the proof that both
 * are of the same client, and many refuse others.
 */
export function startTls(raw: Socket, spec: FtpSpec, ticket: Ticket): Secured {
  const host = hostOf(spec);
  const socket = connect({
    socket: raw,
    host,
    // A name, not an address, may be told to the server (RFC 6066 section 3).
    servername: isIP(host) ? "" : host,
    secureContext: contextOf(spec),
    ...(ticket.latest && { session: ticket.latest }),
    // Judged below, where the certificate can still be shown.
    rejectUnauthorized: false,
  });
  socket.on("session", (session) => (ticket.latest = session));
  const ready = new Promise<void>((resolve, reject) => {
    const silence = silenceOf(spec);
    const patience = setTimeout(() => fail(errors.sourceUnreachable(`${spec.host} did not agree on TLS within ${silence} ms.`)), silence);
    const fail = (error: Error) => {
      clearTimeout(patience);
      reject(error);
      socket.destroy();
    };
    socket.once("secureConnect", () => {
      clearTimeout(patience);
      const fault = distrust(socket, spec);
      if (fault) fail(fault);
      else resolve();
    });
    socket.once("error", (error) => fail(errors.sourceUnreachable(`${spec.host}: TLS failed: ${messageOf(error)}.`, undefined, error)));
    socket.once("close", () => fail(errors.sourceUnreachable(`${spec.host} closed the connection before TLS was agreed on.`)));
  });
  ready.catch(() => {});
  // Later errors show where the socket is read or written.
  socket.on("error", () => {});
  return { socket, ready };
}

/** Why the server is not taken for the one that is meant. */
function distrust(socket: TLSSocket, { host, ca, fingerprint }: FtpSpec): Error | undefined {
  // Its ticket was given by the server that showed the certificate.
  if (socket.isSessionReused()) return undefined;
  const certificate = socket.getPeerCertificate();
  const shown = certificate.fingerprint256;
  if (fingerprint !== undefined && shown !== fingerprint) {
    return errors.sourceDenied(
      `${host} was expected to show the certificate with the SHA-256 fingerprint ${fingerprint}; it shows ${shown}. It was changed, or this is another server.`,
      { fingerprint: shown },
    );
  }
  if (socket.authorized || (fingerprint !== undefined && ca === undefined)) return undefined;
  return errors.sourceDenied(
    `The certificate of ${host} is not trusted: ${reason(socket, certificate)}. Its SHA-256 fingerprint is ${shown}: compare that with what the ` +
      "server's owner says, then give it as fingerprint, or give the certificate of the authority that signed it as ca.",
    { fingerprint: shown },
  );
}

const reasons: Record<string, (certificate: PeerCertificate) => string> = {
  CERT_HAS_EXPIRED: ({ valid_to }) => `it was valid until ${valid_to}`,
  CERT_NOT_YET_VALID: ({ valid_from }) => `it is valid from ${valid_from}`,
  ERR_TLS_CERT_ALTNAME_INVALID: ({ subject, subjectaltname }) => `it is for ${subjectaltname ?? String(subject?.CN ?? "nobody")}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: () => "it has signed itself",
  SELF_SIGNED_CERT_IN_CHAIN: () => "an unknown authority has signed it",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => "an unknown authority has signed it",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => "an unknown authority has signed it",
};

function reason(socket: TLSSocket, certificate: PeerCertificate): string {
  const code = String(socket.authorizationError);
  return reasons[code]?.(certificate) ?? code;
}
