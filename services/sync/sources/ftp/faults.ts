import { errors, failureType, messageOf } from "../../../../config/errors.ts";
import type { Reply } from "./replies.ts";

/** A server's refusal of a command. `itemError` puts it into the sources' vocabulary. */
export interface Refusal extends Error {
  reply: number;
}

/** A reply as people may read it. */
export const wordsOf = ({ code, text }: Reply): string => `${code} ${Buffer.from(text, "latin1").toString("utf8").trim()}`.trim();

export const refusal = (reply: Reply): Refusal => Object.assign(new Error(wordsOf(reply)), { reply: reply.code });

/** The reply as it is. @throws Refusal when it is one */
export function accepted(reply: Reply): Reply {
  if (reply.code >= 400) throw refusal(reply);
  return reply;
}

export const replyOf = (error: unknown): number | undefined => {
  const found = (error as { reply?: unknown } | null)?.reply;
  return typeof found === "number" ? found : undefined;
};

/** For what a server may refuse. @throws whatever is no Refusal */
export function refusedIsFine(error: unknown): undefined {
  if (replyOf(error) === undefined) throw error;
}

/** The server does not know the command at all. */
export const isUnknown = (code: number | undefined): boolean => code === 500 || code === 502 || code === 504;

type Make = (message: string, data?: undefined, cause?: unknown) => Error;

/**
 * A server's refusal in the sources' vocabulary; any other error as it is. FTP has one number, 550, for whatever is wrong with a file, so that
 * the words decide where they tell.
 * @param otherwise what a 550 means that does not tell
 */
export function itemError(error: unknown, path: string, otherwise: Make = errors.sourceMissing): Error {
  const reply = replyOf(error);
  if (reply === undefined || failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const words = messageOf(error);
  const make = byNumber(reply) ?? byWords(words) ?? (reply < 500 ? errors.sourceUnreachable : otherwise);
  return make(`${path}: ${words.replace(/\.?$/, ".")}`, undefined, error);
}

function byNumber(reply: number): Make | undefined {
  if (reply === 452 || reply === 552) return errors.sourceFull;
  if (reply === 530 || reply === 532) return errors.sourceDenied;
  if (reply === 425 || reply === 426) return errors.sourceUnreachable;
  return [500, 501, 502, 504].includes(reply) ? errors.sourceUnsupported : undefined;
}

/** Whether a server's words leave no doubt that there is no such file. */
export const saysMissing = (error: unknown): boolean => byWords(messageOf(error)) === errors.sourceMissing;

function byWords(words: string): Make | undefined {
  // "Failure writing" is all that vsftpd has to say of a full disk.
  if (/no space|disk full|quota|failure writing to local/i.test(words)) return errors.sourceFull;
  if (/permission|denied|not allowed|forbidden|read.?only/i.test(words)) return errors.sourceDenied;
  if (/no such|not found|(not|n't) exist|cannot find/i.test(words)) return errors.sourceMissing;
  return /name too long|is a directory|regular file/i.test(words) ? errors.sourceUnsupported : undefined;
}
