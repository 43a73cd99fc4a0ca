import { hash } from "node:crypto";
import { failureType } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import { isPart } from "../part.ts";
import type { Entry, Problem } from "../source.ts";
import { entriesOf, PAGE, problemOf, type AskFacts, type Item, type Pending } from "./entries.ts";
import { fingerprintOf } from "./facts.ts";

export interface Content {
  items: Item[];
  /** Equal for two folders only when they show the same: what tells a link that leads in a circle. */
  signature: string;
}

export interface Folders {
  /** @param prefix empty for the root, else it ends in '/' */
  read(prefix: string, signal: AbortSignal | undefined): Promise<Content>;
  ask: AskFacts;
}

/** Folders that are asked for before their turn. */
const AHEAD = 8;

/** A folder being walked. */
interface Walked {
  prefix: string;
  items: Item[];
  signature: string;
  next: number;
  /** Answers that have been asked for already, by the folder's path. */
  ahead: Map<string, Promise<Content>>;
  /** Where the next folder to ask for is looked for. */
  scout: number;
}

/**
 * Walks folders that a server lists one by one, depth first. Sorting each one's names with '/' at the end of folders gives the byte order of
 * full paths, so nothing but the open folders' items is kept.
 * @param after only what comes after this path
 * @throws what reading the root throws, and whatever may pass: nothing can be said of a folder that the server did not answer for
 */
export async function* walkFolders(folders: Folders, signal: AbortSignal | undefined, after = ""): AsyncGenerator<Entry[]> {
  const stack: Walked[] = [opened("", await folders.read("", signal))];
  let page: Pending[] = [];
  // A folder before `after` is entered only when that lies in it.
  const isPast = (path: string) => after !== "" && comparePaths(path, after) <= 0 && !(path.endsWith("/") && after.startsWith(path));

  function lookAhead(folder: Walked): void {
    while (folder.ahead.size < AHEAD && folder.scout < folder.items.length) {
      const { name, problem } = folder.items[folder.scout++]!;
      const path = folder.prefix + name;
      if (problem || !name.endsWith("/") || isPast(path)) continue;
      const reading = folders.read(path, signal);
      // Its failure is met when its turn comes.
      reading.catch(() => {});
      folder.ahead.set(path, reading);
    }
  }

  while (stack.length) {
    const folder = stack.at(-1)!;
    const item = folder.items[folder.next++];
    if (!item) {
      stack.pop();
      continue;
    }
    const path = folder.prefix + item.name;
    if (isPast(path)) continue;
    if (item.problem || !path.endsWith("/")) page.push({ path, item });
    else {
      lookAhead(folder);
      const reading = folder.ahead.get(path)!;
      folder.ahead.delete(path);
      const problem = await enter(path, reading, stack);
      if (problem) page.push({ path, item: { name: item.name, problem } });
    }
    if (page.length >= PAGE) {
      yield await entriesOf(folders.ask, page, signal);
      page = [];
    }
  }
  if (page.length) yield await entriesOf(folders.ask, page, signal);
}

const opened = (prefix: string, { items, signature }: Content): Walked => {
  const sorted = items.filter(({ name }) => !isPart(name)).sort((a, b) => comparePaths(a.name, b.name));
  // Pages may link to the same thing twice, by its name and by an icon.
  const once = sorted.filter(({ name }, i) => !i || sorted[i - 1]!.name !== name);
  return { prefix, items: once, signature, next: 0, ahead: new Map(), scout: 0 };
};

/** Puts a folder onto the stack, or says why it can't be; neither when it is gone since it was listed. */
async function enter(path: string, reading: Promise<Content>, stack: Walked[]): Promise<Problem | undefined> {
  try {
    const content = await reading;
    if (content.items.length && stack.some(({ signature }) => signature === content.signature)) {
      const message = `${path} shows the same as a folder that contains it: it seems to be a link that leads in a circle.`;
      return { type: "SOURCE_ITEM_UNSUPPORTED", message, hides: path };
    }
    stack.push(opened(path, content));
    return undefined;
  } catch (error) {
    if (failureType(error) === "SOURCE_MISSING") return undefined;
    return { ...problemOf(error), hides: path };
  }
}

/** What a folder shows, for servers that do not give it as a text of its own. */
export const signatureOf = (items: Item[]): string =>
  hash(
    "sha256",
    items
      .map(({ name, facts }) => `${name}\0${facts ? fingerprintOf(facts) : ""}`)
      .sort()
      .join("\0"),
  );
