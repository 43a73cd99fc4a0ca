import { errors } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import type { HttpSpec } from "./access.ts";
import { drop, header, refuseEncoded, wholeOf, type Answer } from "./answer.ts";
import type { Client } from "./client.ts";
import { entriesOf, PAGE, type Item } from "./entries.ts";
import type { Facts } from "./facts.ts";
import { fileAt, filesIn, type File } from "./files.ts";
import { probe } from "./probe.ts";
import { portOf, shown, urlOf } from "./urls.ts";
import type { Way } from "./way.ts";

/** Most bytes of a manifest: all of it is held, for its lines may be in any order. 300,000 lines of sha256sum. */
const LONGEST = 32 * 1024 * 1024;
/** Milliseconds for which a manifest is taken to be what it was. */
const FRESH = 30_000;

interface Manifest {
  /** Where it lies. */
  url: URL;
  /** In order of their paths. */
  files: File[];
  /** Its ETag, or its date. */
  validator: Record<string, string>;
  /** When it was asked for. */
  at: number;
}

/** The files that a manifest names, see `namedIn`. */
export function manifestWay(client: Client, spec: HttpSpec): Way {
  let held: Promise<Manifest> | undefined;

  /** @param age how old it may be, milliseconds */
  async function manifest(age: number, signal: AbortSignal | undefined): Promise<Manifest> {
    const since = Date.now() - age;
    for (;;) {
      const asked = held;
      const before = await asked?.catch(() => undefined);
      if (before && before.at >= since) return before;
      // Another caller has asked for it meanwhile.
      if (held !== asked) continue;
      held = load(before, signal);
      return held;
    }
  }

  function load(before: Manifest | undefined, signal: AbortSignal | undefined): Promise<Manifest> {
    const url = new URL(spec.url);
    const at = Date.now();
    return client.read({ url, signal, ...(before && { headers: before.validator }) }, async (answer) => {
      if (answer.status === 304 && before) {
        drop(answer);
        return { ...before, at };
      }
      if (answer.status !== 200) throw client.refusal(answer, shown(url));
      refuseEncoded(answer, shown(url));
      const bytes = await wholeOf(answer, shown(url), LONGEST);
      return { url: answer.firm, files: filesIn(bytes, answer.firm), validator: validatorOf(answer), at };
    });
  }

  /** @throws SOURCE_NOT_ALLOWED */
  function locate(file: File, { url }: Manifest): URL {
    const to = file.url === undefined ? urlOf(new URL(".", url), file.path) : new URL(file.url, url);
    const place = `${to.hostname}:${portOf(to)}`;
    const own = to.origin === url.origin || to.origin === new URL(spec.url).origin;
    if (!own && (spec.hosts.every(({ host }) => host !== place) || to.protocol !== url.protocol)) {
      throw errors.sourceNotAllowed(
        `${file.path} leads to ${to.origin}; a manifest may lead to its own host, and by its own protocol to those given as /http/hosts.`,
      );
    }
    return to;
  }

  return {
    check: async (signal) => void (await manifest(0, signal)),

    async *list(signal, after = "") {
      const { files } = await manifest(0, signal);
      const named = new Map<string, File>();
      const ask = async (path: string) => {
        const file = named.get(path)!;
        return merged(file, await probe(client, locate(file, await manifest(Infinity, signal)), path, signal));
      };
      for (let at = 0; at < files.length; at += PAGE) {
        const page = files.slice(at, at + PAGE).filter(({ path }) => !after || comparePaths(path, after) > 0);
        named.clear();
        for (const file of page) named.set(file.path, file);
        const entries = await entriesOf(
          ask,
          page.map((file) => ({ path: file.path, item: itemOf(file) })),
          signal,
        );
        if (entries.length) yield entries;
      }
    },

    async find(path, signal) {
      const seek = async (age: number) => {
        const all = await manifest(age, signal);
        return { all, file: fileAt(all.files, path) };
      };
      let { all, file } = await seek(FRESH);
      if (!file) ({ all, file } = await seek(0));
      if (!file) throw errors.sourceMissing(`${path} is not named by ${shown(all.url)} any more.`);
      if (file.problem) throw errors.sourceUnsupported(file.problem.message);
      const { size } = file;
      return {
        url: locate(file, all),
        listed(own) {
          if (size === undefined || own.size === size) return merged(file, own);
          all.at = 0;
          throw errors.sourceChanged(`${path} has ${own.size} bytes; the manifest says ${size}.`);
        },
        by: "the manifest",
        refuted: () => void (all.at = 0),
      };
    },
  };
}

/** Facts of a file: what the manifest does not say, its own answer does. */
function merged(file: File, own: Facts): Facts {
  const { size, modifiedAt, sha256 } = file;
  const told = toldOf(file);
  if (told) return told;
  const digest = sha256 === undefined ? own.digest : `sha256:${sha256}`;
  return { size: size ?? own.size, modifiedAt: modifiedAt ?? own.modifiedAt, etag: sha256 === undefined ? own.etag : "", digest };
}

/** The facts, if the manifest says enough of them to notice a change. */
function toldOf({ size, modifiedAt, sha256 }: File): Facts | undefined {
  if (size === undefined || (modifiedAt === undefined && sha256 === undefined)) return undefined;
  return { size, modifiedAt: modifiedAt ?? null, etag: "", digest: sha256 === undefined ? "" : `sha256:${sha256}` };
}

function itemOf(file: File): Item {
  if (file.problem) return { name: file.path, problem: file.problem };
  const facts = toldOf(file);
  return { name: file.path, ...(facts && { facts }) };
}

function validatorOf(answer: Answer): Record<string, string> {
  const etag = header(answer, "etag");
  const modified = header(answer, "last-modified");
  return etag !== undefined ? { "if-none-match": etag } : modified !== undefined ? { "if-modified-since": modified } : {};
}
