import { errors } from "../../../../config/errors.ts";
import type { HttpSpec } from "./access.ts";
import { drop, header, limited, refuseEncoded, type Answer } from "./answer.ts";
import type { Client } from "./client.ts";
import { entriesOf, PAGE, type Item } from "./entries.ts";
import type { Facts } from "./facts.ts";
import { filesIn, type File, type Files } from "./files.ts";
import { probe } from "./probe.ts";
import { portOf, shown, urlOf } from "./urls.ts";
import type { Way } from "./way.ts";

/** Most bytes of a manifest: what does not fit into memory is put in order on the disk. */
const LONGEST = 4 * 2 ** 30;
/** Milliseconds for which a manifest is taken to be what it was; of one that takes long to read, several times as long as that took. */
const FRESH = 30_000;
const PER_READING = 10;

interface Manifest {
  /** Where it lies. */
  url: URL;
  files: Files;
  /** Its ETag, or its date. */
  validator: Record<string, string>;
  /** When it was asked for. */
  at: number;
  /** How long it is taken to be what it was, milliseconds. */
  fresh: number;
}

/** The files that a manifest names, see `manifestReader`. */
export function manifestWay(client: Client, spec: HttpSpec): Way {
  /** What was asked for last, and what came last. */
  let held: Promise<Manifest> | undefined;
  let last: Manifest | undefined;

  /** @param age how old it may be, as a share of how long it is fresh */
  async function manifest(age: number, signal: AbortSignal | undefined): Promise<Manifest> {
    const now = Date.now();
    for (;;) {
      const asked = held;
      const before = await asked?.catch(() => undefined);
      // Another caller has asked for it meanwhile.
      if (held !== asked) continue;
      if (before && before.at >= now - age * before.fresh) return before;
      held = load(signal);
      await held;
    }
  }

  function load(signal: AbortSignal | undefined): Promise<Manifest> {
    const url = new URL(spec.url);
    const at = Date.now();
    return client.read({ url, signal, ...(last && { headers: last.validator }) }, async (answer) => {
      if (answer.status === 304 && last) {
        drop(answer);
        return (last = { ...last, at });
      }
      if (answer.status !== 200) throw client.refusal(answer, shown(url));
      refuseEncoded(answer, shown(url));
      const files = await filesIn(limited(answer, shown(url), LONGEST), answer.firm);
      last?.files.retire();
      const fresh = Math.max(FRESH, PER_READING * (Date.now() - at));
      return (last = { url: answer.firm, files, validator: validatorOf(answer), at, fresh });
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
      let named = new Map<string, File>();
      const ask = async (path: string) => {
        const file = named.get(path)!;
        return merged(file, await probe(client, locate(file, await manifest(Infinity, signal)), path, signal));
      };
      const page = async () => {
        const pending = [...named.values()].map((file) => ({ path: file.path, item: itemOf(file) }));
        const entries = await entriesOf(ask, pending, signal);
        named = new Map();
        return entries;
      };
      for (const file of files.after(after)) {
        named.set(file.path, file);
        if (named.size < PAGE) continue;
        const entries = await page();
        if (entries.length) yield entries;
      }
      const entries = await page();
      if (entries.length) yield entries;
    },

    async find(path, signal) {
      const seek = async (age: number) => {
        const all = await manifest(age, signal);
        return { all, file: all.files.find(path) };
      };
      let { all, file } = await seek(1);
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

    close: () => last?.files.retire(),
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
