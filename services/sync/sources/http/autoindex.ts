import { errors } from "../../../../config/errors.ts";
import { drop, header, limited, refuseEncoded, wholeOf, type Answer } from "./answer.ts";
import type { Client } from "./client.ts";
import type { Facts } from "./facts.ts";
import { walkFolders, type Content } from "./folders.ts";
import { itemsOf, jsonContent, pageReader } from "./pages.ts";
import { probeListed } from "./probe.ts";
import { shared } from "./shared.ts";
import { shown, urlOf } from "./urls.ts";
import type { Way } from "./way.ts";

/** Most bytes of one page: about half a million files. */
const LONGEST = 64 * 1024 * 1024;

/**
 * A folder and all below it by the index pages that a server makes. Dates and sizes in HTML are rounded and written in many ways, so every
 * file is asked for its own; nginx's JSON has both exactly.
 * @param base the folder's URL, ending in '/'
 * @param strict a page that is not surely an index is refused: taken for one, it would hide the files that it does not link to
 */
export function indexWay(client: Client, base: URL, strict: boolean): Way {
  /** Whether the root is listed as JSON; what is below is then known by size and date alone, whatever it is listed as. */
  let exact: boolean | undefined;
  const askRoot = shared(() => page("", undefined));
  const isExact = async (signal: AbortSignal | undefined) => exact ?? (await askRoot(signal)).exact;

  function page(prefix: string, signal: AbortSignal | undefined): Promise<Content & { exact: boolean }> {
    const path = prefix || shown(base);
    return client.read({ url: urlOf(base, prefix), signal }, async (answer) => {
      if (answer.status !== 200) throw client.refusal(answer, path);
      const content = await contentOf(answer, prefix, path, strict);
      if (content && !prefix) exact = content.exact;
      if (content) return content;
      throw errors.sourceUnsupported(`${path} shows a page of its own instead of an index of the folder.`);
    });
  }

  async function read(prefix: string, signal: AbortSignal | undefined): Promise<Content> {
    const { items, signature } = await page(prefix, signal);
    return (await isExact(signal)) ? { items, signature } : { items: items.map(({ facts: _, ...item }) => item), signature };
  }

  const coarse = ({ size, modifiedAt }: Facts): Facts => ({ size, modifiedAt, etag: "", digest: "" });

  return {
    check: async (signal) => void (await page("", signal)),
    list: (signal, after) =>
      walkFolders(
        {
          read,
          async ask(path) {
            const facts = await probeListed(client, urlOf(base, path), path, signal);
            return facts && (await isExact(signal)) ? coarse(facts) : facts;
          },
        },
        signal,
        after,
      ),
    async find(path, signal) {
      return { url: urlOf(base, path), listed: (await isExact(signal)) ? coarse : (own) => own };
    },
  };
}

/** What an index lists; undefined when the answer is none. */
export async function contentOf(
  answer: Answer,
  prefix: string,
  path: string,
  strict: boolean,
): Promise<(Content & { exact: boolean }) | undefined> {
  refuseEncoded(answer, path);
  const type = header(answer, "content-type") ?? "";
  if (/^application\/json\b/i.test(type)) {
    const content = jsonContent(await wholeOf(answer, path, LONGEST), prefix);
    return content && { ...content, exact: true };
  }
  if (!/^(text\/html|application\/xhtml\+xml)\b/i.test(type)) {
    drop(answer);
    return undefined;
  }
  const reader = pageReader();
  for await (const chunk of limited(answer, path, LONGEST)) reader.write(chunk);
  const page = reader.end();
  const items = itemsOf(page, answer.url, prefix, strict);
  return items && { items, signature: page.signature, exact: false };
}
