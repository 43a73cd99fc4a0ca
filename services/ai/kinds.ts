/** What a text file's extension promises; binary kinds are known by their content alone. */
export type TextFamily = "prose" | "page" | "data" | "code";
export interface TextKind {
  mediaType: string;
  family: TextFamily;
}

const table: Record<TextFamily, Record<string, string>> = {
  prose: {
    "text/plain": "txt text log nfo asc",
    "text/markdown": "md markdown mdown",
    "text/x-rst": "rst",
    "text/asciidoc": "adoc asciidoc",
    "application/x-subrip": "srt",
    "text/vtt": "vtt",
  },
  page: { "text/html": "html htm xhtml", "text/x-tex": "tex latex", "application/rtf": "rtf" },
  data: {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv tab",
    "application/json": "json map webmanifest",
    "application/geo+json": "geojson",
    "application/x-ndjson": "ndjson jsonl",
    "application/yaml": "yaml yml",
    "application/toml": "toml",
    "application/xml": "xml xsd xsl xslt rss atom gpx kml plist",
    "text/calendar": "ics",
    "text/vcard": "vcf",
    "text/x-ini": "ini cfg conf properties env",
    "text/x-diff": "diff patch",
  },
  code: {
    "text/javascript": "js mjs cjs jsx",
    "text/x-typescript": "ts mts cts tsx",
    "text/css": "css scss less",
    "text/x-python": "py pyw",
    "text/x-c": "c h",
    "text/x-c++": "cc cpp cxx hh hpp",
    "text/x-csharp": "cs",
    "text/x-java": "java",
    "text/x-kotlin": "kt kts",
    "text/x-go": "go",
    "text/x-rust": "rs",
    "text/x-ruby": "rb",
    "text/x-php": "php",
    "text/x-perl": "pl pm",
    "text/x-lua": "lua",
    "text/x-swift": "swift",
    "text/x-shellscript": "sh bash zsh",
    "text/x-powershell": "ps1",
    "application/sql": "sql",
    "text/x-dockerfile": "dockerfile",
    "text/x-makefile": "makefile mk",
  },
};

const byExtension = new Map<string, TextKind>();
const byMediaType = new Map<string, TextFamily>();
for (const family of Object.keys(table) as TextFamily[])
  for (const [mediaType, extensions] of Object.entries(table[family])) {
    byMediaType.set(mediaType, family);
    for (const extension of extensions.split(" ")) byExtension.set(extension, { mediaType, family });
  }

export const textKind = (extension: string): TextKind | undefined => byExtension.get(extension);
export const familyOf = (mediaType: string): TextFamily => byMediaType.get(mediaType) ?? "prose";

/** The extension a text of this kind usually has. */
export const usualExtension = (mediaType: string): string =>
  [...byExtension].find(([, kind]) => kind.mediaType === mediaType)?.[0] ?? "txt";

/** Extensions that mean the same container, first the one identification answers with. */
const synonyms = [
  "jpg jpeg jpe jfif",
  "tif tiff",
  "heic heif hif",
  "mp4 m4v m4a m4b mov qt 3gp f4v",
  "mpg mpeg vob",
  "mkv mka webm",
  "ogg oga ogv ogx opus spx",
  "mid midi",
  "aif aiff aifc",
  "asf wma wmv",
  "gz tgz svgz",
  "bz2 tbz tbz2",
  "xz txz",
  "zst tzst",
  "zip jar war apk aar xpi epub docx docm dotx xlsx xlsm xltx pptx pptm potx ppsx odt ods odp odg ott ots otp 3mf kmz cbz whl nupkg",
  "cfb doc xls ppt msi msg vsd",
  "exe dll sys scr ocx",
  "elf so o bin",
  "xml svg xhtml html htm rss atom gpx kml plist xsd xsl xslt dae musicxml fb2",
  "ps eps ai",
  "pdf ai",
].map((line) => line.split(" "));

/** Whether a name with extension `claimed` is honest about content whose own extension is `found`. */
export const sameExtension = (claimed: string, found: string): boolean =>
  claimed === found || synonyms.some((group) => group.includes(claimed) && group.includes(found));
