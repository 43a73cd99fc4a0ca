import { errors, failureType } from "../../../../config/errors.ts";
import type { Source } from "../source.ts";
import type { HttpSpec } from "./access.ts";
import { openClient, type Client } from "./client.ts";
import { CONNECTIONS } from "./connect.ts";
import { download } from "./download.ts";
import { shared } from "./shared.ts";
import { asFolder, shown } from "./urls.ts";
import type { Way } from "./way.ts";

/** Source on a web server. */
export function httpSource(spec: HttpSpec): Source {
  const client = openClient(spec);
  let found: Way | undefined;
  const way = shared(async () => (found = await wayOf(client, spec)));
  return {
    parallel: CONNECTIONS,

    async check(signal) {
      await (await way(signal)).check(signal);
    },

    async *list(signal, after) {
      yield* (await way(signal)).list(signal, after);
    },

    async open(path, signal, from = 0) {
      return download(client, await (await way(signal)).find(path, signal), path, from, signal);
    },

    close() {
      found?.close?.();
      client.close();
    },
  };
}

async function wayOf(client: Client, spec: HttpSpec): Promise<Way> {
  const url = new URL(spec.url);
  switch (spec.listing) {
    case "file":
      return (await import("./single.ts")).singleWay(client, url);
    case "manifest":
      return (await import("./manifest.ts")).manifestWay(client, spec);
    case "index":
      return (await import("./autoindex.ts")).indexWay(client, url, false);
    case "webdav":
      return (await import("./webdav.ts")).webdavWay(client, url);
    case "auto":
      return (await askForWebdav(client, url)) ?? (await askForPage(client, url));
  }
}

/** Whether a URL is a folder of WebDAV; any refusal means that it is not. */
async function askForWebdav(client: Client, url: URL): Promise<Way | undefined> {
  const { describe, webdavWay } = await import("./webdav.ts");
  try {
    const [folder] = await describe(client, url, "0", shown(url), undefined, (one, { firm }) => (one.collection ? firm : undefined));
    return folder && webdavWay(client, asFolder(folder));
  } catch (error) {
    if (/^SOURCE_(DENIED|MISSING|ITEM_UNSUPPORTED)$/.test(failureType(error))) return undefined;
    throw error;
  }
}

/** A URL that ends in '/', or is redirected to one that does, is a folder, which has to have an index; any other is a file. */
async function askForPage(client: Client, url: URL): Promise<Way> {
  const { contentOf, indexWay } = await import("./autoindex.ts");
  return client.read({ url }, async (answer) => {
    if (answer.status !== 200) throw client.refusal(answer, shown(url));
    if (!answer.url.pathname.endsWith("/")) {
      answer.body.on("error", () => {}).destroy();
      return (await import("./single.ts")).singleWay(client, url);
    }
    if (await contentOf(answer, "", shown(url), true)) return indexWay(client, asFolder(answer.firm), true);
    throw errors.sourceUnsupported(
      `${shown(url)} is a folder, but shows neither WebDAV nor an index of it; if it is one all the same, say so by /http/listing.`,
    );
  });
}
