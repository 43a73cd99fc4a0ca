import { errors, failureType, messageOf } from "../../../../config/errors.ts";
import { retryAfter } from "../../../../mixins/retryafter.ts";
import { header, type Answer } from "./answer.ts";

const untrusted = /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO$)/;
const broken = /^(UND_ERR_(SOCKET|INFO|HEADERS_|BODY_|CONNECT_|RESPONSE|RES_)|HPE_|E(?!RR_)[A-Z0-9]+$|ERR_STREAM_PREMATURE_CLOSE)/;

function codeOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  // What is no HTTP at all has no code there.
  if (name === "HTTPParserError") return "HPE_";
  return typeof code === "string" ? code : "";
}

/** Whether a connection broke or never stood, so that the same request may fare better in a moment. */
export const isBroken = (error: unknown): boolean =>
  failureType(error) === "INTERNAL_ERROR" && broken.test(codeOf(error)) && !untrusted.test(codeOf(error));

/** Whether it was waited for an answer as long as it is waited for one. */
export const isSilence = (error: unknown): boolean => /^UND_ERR_(HEADERS|BODY)_TIMEOUT$/.test(codeOf(error));

/** What went wrong with a connection, in the sources' vocabulary; any other error as it is. */
export function connectionFault(error: unknown, host: string, silence: number): Error {
  if (failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const code = codeOf(error);
  if (!broken.test(code) && !untrusted.test(code)) return error as Error;
  const unreachable = (what: string) => errors.sourceUnreachable(`${host} ${what}.`, undefined, error);
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) return unreachable(`does not speak TLS as was expected: ${reasonOf(error)}`);
  if (untrusted.test(code)) {
    const cure = "the authority that signed it can be given as /http/ca";
    return errors.sourceDenied(`${host} has a certificate that is not trusted: ${reasonOf(error)}; ${cure}.`, undefined, error);
  }
  if (isSilence(error)) return unreachable(`said nothing for ${silence / 1000} s`);
  if (code === "UND_ERR_CONNECT_TIMEOUT") return unreachable("did not finish the TLS handshake in time");
  if (code.startsWith("HPE_")) return unreachable(`does not speak HTTP/1.1 as was expected: ${reasonOf(error)}`);
  return unreachable(`broke the connection: ${reasonOf(error)}`);
}

/** Node joins the failures of several addresses into an error without a message; its code then says more. */
const reasonOf = (error: unknown): string => (messageOf(error) || codeOf(error)).replace(/\s+/g, " ").replace(/\.$/, "");

/**
 * What a status other than the expected ones means.
 * @param path what was asked for, as people know it
 */
export function statusFault(answer: Answer, path: string, from: URL): Error {
  const { status, url } = answer;
  const there = url.origin === from.origin ? "" : ` by ${url.host}, where ${from.host} leads to; credentials are not sent on`;
  const says = (what: string) => `${path}: the server answered ${status}${there}${what}.`;
  switch (status) {
    case 401: {
      const asks = header(answer, "www-authenticate")
        ?.replace(/[^\x20-\x7e]/g, "?")
        .slice(0, 200);
      return errors.sourceDenied(says(asks ? ` and asks for ${asks}` : ""));
    }
    case 403:
    case 407:
    case 451:
      return errors.sourceDenied(says(""));
    case 404:
    case 410:
      return errors.sourceMissing(says(""));
    case 412:
      return errors.sourceChanged(says(""));
    case 408:
    case 423:
    case 425:
    case 429:
      return errors.sourceUnreachable(says(later(answer)));
    default:
      return status >= 500 && status !== 501 && status !== 505
        ? errors.sourceUnreachable(says(later(answer)))
        : errors.sourceUnsupported(says(", which was not expected"));
  }
}

function later(answer: Answer): string {
  const wait = retryAfter(header(answer, "retry-after"));
  return wait === null ? "" : ` and wants to be asked again in ${Math.ceil(wait / 1000)} s`;
}
