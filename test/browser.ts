import { parseDocument } from "htmlparser2";

/** What a browser got: a page, or the address by which it left for the client. */
export interface Visited {
  url: string;
  status: number;
  headers: Headers;
  text: string;
  left?: string;
}

interface Element {
  name?: string;
  attribs?: Record<string, string>;
  children?: Element[];
}

/** A browser without scripts: follows redirects, keeps cookies by path, and sends forms. */
export class Browser {
  private readonly cookies = new Map<string, { value: string; path: string }>();
  private readonly client: string;

  /** @param client address at which it leaves the server */
  constructor(client: string) {
    this.client = client;
  }

  async open(url: string, init: RequestInit = {}): Promise<Visited> {
    if (url.startsWith(this.client)) return { url, status: 0, headers: new Headers(), text: "", left: url };
    const { pathname } = new URL(url);
    const cookie = [...this.cookies].filter(([, { path }]) => pathname.startsWith(path)).map(([name, { value }]) => `${name}=${value}`);
    const answer = await fetch(url, { ...init, redirect: "manual", headers: { ...(init.headers as object), cookie: cookie.join("; ") } });
    for (const line of answer.headers.getSetCookie()) this.keep(line);
    const location = answer.headers.get("location");
    if (location) return await this.open(new URL(location, url).href);
    return { url, status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** Sends the page's form at this place with what a person enters. */
  async submit({ url, text }: Visited, form: number, entered: Record<string, string> = {}): Promise<Visited> {
    const found = elements(parseDocument(text) as unknown as Element, "form")[form];
    if (!found) throw new Error(`The page has no form ${form}: ${text}`);
    const given = elements(found, "input").map(({ attribs = {} }) => [attribs["name"] ?? "", attribs["value"] ?? ""]);
    const body = new URLSearchParams([...new Map([...given, ...Object.entries(entered)] as [string, string][])]);
    return await this.open(new URL(found.attribs!["action"]!, url).href, { method: "POST", body });
  }

  private keep(line: string): void {
    const [pair = "", ...attributes] = line.split("; ");
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? "/";
    if (value) this.cookies.set(name, { value, path });
    else this.cookies.delete(name);
  }
}

const elements = (from: Element, name: string): Element[] => [
  ...(from.name === name ? [from] : []),
  ...(from.children ?? []).flatMap((child) => elements(child, name)),
];
