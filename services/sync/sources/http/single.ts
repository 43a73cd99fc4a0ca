import { errors } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import { nameOf } from "../source.ts";
import type { Client } from "./client.ts";
import { entryOf } from "./facts.ts";
import { probe } from "./probe.ts";
import { nameOfPart, shown } from "./urls.ts";
import type { Way } from "./way.ts";

/** One file. Its path is the last part of the URL's. */
export function singleWay(client: Client, url: URL): Way {
  const name = nameOfPart(nameOf(url.pathname));
  const ask = (signal: AbortSignal | undefined) => probe(client, url, shown(url), signal);
  return {
    check: async (signal) => void (await ask(signal)),
    async *list(signal, after = "") {
      const entry = entryOf(name, await ask(signal));
      if (!after || comparePaths(entry.path, after) > 0) yield [entry];
    },
    find(path) {
      if (path === name) return Promise.resolve({ url, listed: (own) => own });
      return Promise.reject(errors.sourceMissing(`${path} is not there: ${shown(url)} is one file.`));
    },
  };
}
