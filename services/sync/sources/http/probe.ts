import { hash } from "node:crypto";
import { errors, failureType } from "../../../../config/errors.ts";
import { drop, header, refuseEncoded, sizeOf, validatorsOf, type Answer } from "./answer.ts";
import type { Client } from "./client.ts";
import { nameOf } from "../source.ts";
import type { Facts } from "./facts.ts";
import { nameOfPart } from "./urls.ts";

/** Most bytes of a file that is read whole because the server does not say how long it is. */
const UNMEASURED = 8 * 1024 * 1024;

/**
 * What a file's own URL says of it: by HEAD, or by asking for its first byte where HEAD is refused (a URL that is signed for GET) or says
 * nothing of the size. What is made while it is sent has no size: it is read whole, and its SHA-256 tells whether it has changed.
 * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_ITEM_UNSUPPORTED
 */
export async function probe(client: Client, url: URL, path: string, signal?: AbortSignal): Promise<Facts> {
  const head = await client.ask({ method: "HEAD", url, signal });
  drop(head);
  if (head.status === 404 || head.status === 401) throw client.refusal(head, path);
  // There are servers that answer any HEAD with a length of 0.
  if (head.status === 200 && sizeOf(head)) return measured(head, path);

  const byte = await client.ask({ url, headers: { range: "bytes=0-0" }, signal });
  if (byte.status !== 416) {
    if (byte.status !== 200 && byte.status !== 206) throw client.refusal(byte, path);
    if (sizeOf(byte) !== null) {
      drop(byte);
      return measured(byte, path);
    }
  }
  drop(byte);
  // Of an empty file there is no first byte.
  const { facts } = await client.read({ url, signal }, (answer) => takeWhole(client, answer, path));
  return facts;
}

/** The same for a file that was listed a moment ago: undefined when it is gone. */
export const probeListed = (client: Client, url: URL, path: string, signal?: AbortSignal): Promise<Facts | undefined> =>
  probe(client, url, path, signal).catch((error: unknown) => {
    if (failureType(error) === "SOURCE_MISSING") return undefined;
    throw error;
  });

function measured(answer: Answer, path: string): Facts {
  refuseEncoded(answer, path);
  refuseFolder(answer, path);
  return { size: sizeOf(answer)!, ...validatorsOf(answer) };
}

/** A folder whose link had no '/' at its end is redirected to itself with one. */
function refuseFolder(answer: Answer, path: string): void {
  const [, last = ""] = /([^/]*)\/$/.exec(answer.url.pathname) ?? [];
  if (!last || (last !== nameOf(path) && nameOfPart(last) !== nameOf(path))) return;
  throw errors.sourceUnsupported(`${path} is a folder; a file was expected.`, { folder: true });
}

/** What asking for the facts of a file failed with: it is no file. */
export const isFolder = (error: unknown): boolean => (error as { data?: { folder?: boolean } }).data?.folder === true;

export interface Whole {
  facts: Facts;
  bytes: Buffer;
}

/**
 * Takes a file of which the size is not known from the answer to a GET.
 * @throws SOURCE_ITEM_UNSUPPORTED when it is too long for that, or could end unnoticed
 */
export async function takeWhole(client: Client, answer: Answer, path: string): Promise<Whole> {
  if (answer.status !== 200) throw client.refusal(answer, path);
  refuseEncoded(answer, path);
  refuseFolder(answer, path);
  if (sizeOf(answer) === null && !/\bchunked\b/i.test(header(answer, "transfer-encoding") ?? "")) {
    throw errors.sourceUnsupported(
      `${path}: the server does not say how long it is, so that its end could not be told from a broken connection.`,
    );
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= UNMEASURED) continue;
    const most = `${UNMEASURED / 2 ** 20} MiB`;
    throw errors.sourceUnsupported(
      `${path}: the server does not say how long it is, and it is longer than ${most}, the most that is read so.`,
    );
  }
  const bytes = Buffer.concat(chunks);
  const { modifiedAt, etag, digest } = validatorsOf(answer);
  return { bytes, facts: { size, modifiedAt, etag, digest: digest || `sha256:${hash("sha256", bytes)}` } };
}
