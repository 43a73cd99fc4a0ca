import { Parser } from "htmlparser2";
import { httpTime, etagOf, ownCloudDigest } from "./facts.ts";

/** One response of a multistatus (RFC 4918, section 14.16). */
export interface Described {
  /** URL or absolute path, escaped. */
  href: string;
  collection: boolean;
  /** Bytes; null when it is not said. */
  size: number | null;
  modifiedAt: number | null;
  etag: string;
  digest: string;
  /** Of the response itself; 200 when it has none. */
  status: number;
}

export const propfind = `<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/><checksums xmlns="http://owncloud.org/ns"/></prop></propfind>`;

const statusOf = (line: string) => Number(/^HTTP\/\S+ (\d{3})/.exec(line.trim())?.[1] ?? 0);

/** Local names whose text is of use. */
const texts = new Set(["href", "status", "getcontentlength", "getlastmodified", "getetag", "checksum"]);

/**
 * Reads a multistatus piece by piece. Prefixes are whatever the server likes, so local names count.
 * @param found gets each response
 * @returns `end` answers whether it was complete
 */
export function multistatus(found: (described: Described) => void): { write(bytes: Buffer): void; end(): boolean } {
  let response: Described | undefined;
  /** Properties of the propstat that is open; its status comes after them. */
  let props: Partial<Described> | undefined;
  let accepted = true;
  let text: string | undefined;
  let complete = false;

  const take: Record<string, (value: string) => void> = {
    // There may be others inside of properties.
    href: (value) => response && !props && (response.href ||= value.trim()),
    status: (value) => {
      if (props) accepted = Math.floor(statusOf(value) / 100) === 2;
      else if (response) response.status = statusOf(value);
    },
    getcontentlength: (value) => /^\s*\d{1,15}\s*$/.test(value) && props && (props.size = Number(value)),
    getlastmodified: (value) => props && (props.modifiedAt = httpTime(value.trim())),
    getetag: (value) => props && (props.etag = etagOf(value)),
    checksum: (value) => props && (props.digest ||= ownCloudDigest(value)),
  };

  const parser = new Parser(
    {
      onopentagname(tag) {
        const name = localName(tag);
        if (name === "response")
          response = { href: "", collection: false, size: null, modifiedAt: null, etag: "", digest: "", status: 200 };
        else if (name === "propstat") [props, accepted] = [{}, true];
        else if (name === "collection" && props) props.collection = true;
        text = texts.has(name) ? "" : undefined;
      },
      ontext(data) {
        if (text !== undefined) text += data;
      },
      onclosetag(tag, implied) {
        const name = localName(tag);
        if (text !== undefined) take[name]?.(text);
        text = undefined;
        if (name === "propstat" && props) {
          if (accepted && response) Object.assign(response, props);
          props = undefined;
        } else if (name === "response" && response) {
          if (!implied) found(response);
          response = undefined;
        } else if (name === "multistatus") complete = !implied;
      },
    },
    { xmlMode: true },
  );
  const decoder = new TextDecoder();
  return {
    write: (bytes) => parser.write(decoder.decode(bytes, { stream: true })),
    end() {
      parser.end();
      return complete;
    },
  };
}

const localName = (tag: string) => tag.slice(tag.indexOf(":") + 1).toLowerCase();
