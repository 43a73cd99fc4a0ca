import { access, parse, type HttpSpec } from "./http/access.ts";
import { contentTag, moveTag } from "./http/facts.ts";
import type { SourceKind } from "./source.ts";

/** What a web server offers: a file, the files that a manifest names, or a folder by its index pages or by WebDAV. */
export default {
  kind: "http",
  schemes: ["http", "https"],
  example: "https://host/folder/",
  access,
  query: true,
  parse,
  guarantee: "validator",
  open: async (spec) => (await import("./http/open.ts")).httpSource(spec),
  contentTag,
  moveTag,
} satisfies SourceKind<HttpSpec, typeof access>;
