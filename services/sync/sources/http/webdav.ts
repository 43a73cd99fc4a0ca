import { errors } from "../../../../config/errors.ts";
import type { Client } from "./client.ts";
import { limited, refuseEncoded, type Answer } from "./answer.ts";
import { fingerprintOf, type Facts } from "./facts.ts";
import type { Item } from "./entries.ts";
import { signatureOf, walkFolders, type Content } from "./folders.ts";
import { multistatus, propfind, type Described } from "./multistatus.ts";
import { probeListed } from "./probe.ts";
import { nameOfPart, seenFrom, shown, urlOf } from "./urls.ts";
import type { Way } from "./way.ts";

/** Most bytes of a folder's listing: about half a million files. */
const LONGEST = 512 * 1024 * 1024;

/**
 * A folder and all below it, asked for folder by folder: servers refuse to list everything at once (RFC 4918, section 9.1).
 * @param base the folder's URL, ending in '/'
 */
export function webdavWay(client: Client, base: URL): Way {
  /** How the listing's facts are made from those in a file's own answer, once a file has shown that they can be. */
  let rule: ((own: Facts) => Facts) | undefined;

  async function read(prefix: string, signal: AbortSignal | undefined): Promise<Content> {
    const path = prefix || shown(base);
    let self = false;
    const items = await describe(client, urlOf(base, prefix), "1", path, signal, (one, answer) => {
      const folder = answer.url.pathname;
      const seen = seenFrom(folder, pathOf(one.href, folder));
      if (seen.where === "child") return itemOf(one, seen.part, prefix);
      if (seen.where === "self" && !one.collection) throw notAFolder(path);
      if (seen.where === "self") self = true;
      return undefined;
    });
    // A proxy that rewrites paths: none of the names could be told.
    if (!self) throw errors.sourceUnsupported(`${path}: its WebDAV listing does not name the folder itself.`);
    return { items, signature: signatureOf(items) };
  }

  return {
    async check(signal) {
      const [one] = await describe(client, base, "0", shown(base), signal);
      if (!one?.collection) throw notAFolder(shown(base));
    },

    list: (signal, after) => walkFolders({ read, ask: (path) => probeListed(client, urlOf(base, path), path, signal) }, signal, after),

    async find(path, signal) {
      const url = urlOf(base, path);
      if (rule) return { url, listed: rule };
      // Asked for before the content: should the file change in between, the next run reads it again.
      const [one] = await describe(client, url, "0", path, signal);
      if (!one || one.collection) throw errors.sourceMissing(`${path} is not a file.`);
      const listed = factsOf(one);
      return {
        url,
        listed(own) {
          if (!listed) return own;
          const found = ruleFrom(listed, own);
          if (fingerprintOf(found(own)) === fingerprintOf(listed)) rule ??= found;
          return listed;
        },
      };
    },
  };
}

/** Servers leave properties out that their own answers have (nginx the ETag). */
function ruleFrom(listed: Facts, own: Facts): (own: Facts) => Facts {
  const { etag, modifiedAt } = listed;
  const digest = listed.digest || !own.digest;
  return (facts) => ({
    size: facts.size,
    modifiedAt: modifiedAt === null ? null : facts.modifiedAt,
    etag: etag ? facts.etag : "",
    digest: digest ? facts.digest : "",
  });
}

function factsOf({ size, modifiedAt, etag, digest }: Described): Facts | undefined {
  return size === null ? undefined : { size, modifiedAt, etag, digest };
}

const notAFolder = (path: string) => errors.sourceUnsupported(`${path} is a file; a folder was expected.`);

function itemOf(one: Described, part: string, prefix: string): Item {
  const { collection, size, modifiedAt, etag, digest, status } = one;
  const name = nameOfPart(part);
  const ending = collection ? "/" : "";
  const refused = (as: string, type: string, message: string): Item => {
    const hides = collection && { hides: prefix + as + ending };
    return { name: as + ending, problem: { type, message, ...hides } };
  };
  if (name.includes("/")) return refused(part, "SOURCE_ITEM_UNSUPPORTED", `${prefix}${part} has a / in its name, which no path can hold.`);
  if (status === 401 || status === 403) return refused(name, "SOURCE_DENIED", `${prefix}${name}: the server answered ${status}.`);
  return { name: name + ending, ...((collection || size !== null) && { facts: { size: size ?? 0, modifiedAt, etag, digest } }) };
}

/** Path of an href, which may be a whole URL, also one of an inner host behind a proxy. */
function pathOf(href: string, folder: string): string {
  return URL.parse(href, `http://host${folder}`)?.pathname ?? "";
}

/**
 * The answer to a PROPFIND.
 * @param take what to keep of each response
 * @throws SOURCE_ITEM_UNSUPPORTED where WebDAV is not spoken, SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE
 */
export function describe<T = Described>(
  client: Client,
  url: URL,
  depth: "0" | "1",
  path: string,
  signal: AbortSignal | undefined,
  take: (one: Described, answer: Answer) => T | undefined = (one) => one as T,
): Promise<T[]> {
  const headers = { depth, "content-type": "application/xml; charset=utf-8" };
  return client.read({ method: "PROPFIND", url, headers, body: propfind, signal }, async (answer) => {
    if (answer.status !== 207) throw client.refusal(answer, path);
    refuseEncoded(answer, path);
    const kept: T[] = [];
    const reader = multistatus((one) => {
      const some = take(one, answer);
      if (some !== undefined) kept.push(some);
    });
    for await (const chunk of limited(answer, path, LONGEST)) reader.write(chunk);
    if (!reader.end()) throw errors.sourceUnsupported(`${path}: its listing is not a complete WebDAV multistatus.`);
    return kept;
  });
}
