import type { Identity } from "./identify.ts";
import type { ImageFacts } from "./image.ts";
import { extensionOf } from "./identify.ts";
import { familyOf, textKind } from "./kinds.ts";

export const categories = [
  "photo",
  "drawing",
  "screenshot",
  "document",
  "text",
  "data",
  "code",
  "audio",
  "video",
  "archive",
  "other",
] as const;
export type Category = (typeof categories)[number];

export interface Verdict {
  category: Category;
  /** 0–1: how often the rule that fired is right. */
  confidence: number;
  /** The rule that fired. */
  reason: string;
}

/** A first category, by rules alone: the first that fires decides. */
export function categorise(identity: Identity, image: ImageFacts | null, name: string): Verdict {
  const { mediaType } = identity;
  if (mediaType === "application/x-empty") return verdict("other", 1, "empty");
  if (mediaType === "image/svg+xml") return verdict("drawing", 0.98, "vector graphic");
  if (mediaType.startsWith("image/")) return ofPicture(mediaType, image, name);
  if (mediaType.startsWith("audio/")) return verdict("audio", 0.99, "sound container");
  if (mediaType.startsWith("video/")) return verdict("video", 0.97, "film container");
  if (documents.test(mediaType)) return verdict("document", 0.98, "document format");
  if (archives.test(mediaType)) return verdict("archive", 0.98, "archive format");
  if (identity.encoding) return ofText(mediaType, name);
  return verdict("other", mediaType === "application/octet-stream" ? 0.5 : 0.8, "no rule for this type");
}

const documents =
  /^application\/(pdf|rtf|postscript|eps|epub\+zip|msword|x-cfb|vnd\.(ms-(word|excel|powerpoint)|openxmlformats-officedocument\.|oasis\.opendocument\.(text|spreadsheet|presentation)))/;
const archives =
  /^application\/(zip|gzip|x-(gzip|tar|bzip2|xz|7z-compressed|rar-compressed|lzip|compress|lz4|lzh-compressed|cpio|unix-archive|deb|rpm|apple-diskimage|iso9660-image)|zstd|vnd\.(rar|ms-cab-compressed|android\.package-archive)|java-archive)$/;

function ofText(mediaType: string, name: string): Verdict {
  const sure = textKind(extensionOf(name)) ? 0.95 : 0.8;
  const reason = sure > 0.9 ? "text with this extension" : "readable text";
  switch (familyOf(mediaType)) {
    case "code":
      return verdict("code", sure, reason);
    case "data":
      return verdict("data", sure, reason);
    case "page":
      return verdict("document", sure, reason);
    case "prose":
      return verdict("text", sure, reason);
  }
}

const screenshotName =
  /screen[ _-]?(shot|cap)|bildschirm(foto|aufnahme)|capture d.[ée]cran|captura de (pantalla|tela)|снимок экрана|スクリーンショット|截图|截屏/i;
/** Sides of common displays, upright ones included. */
const screens = new Set([
  "1280x720",
  "1280x800",
  "1366x768",
  "1440x900",
  "1536x864",
  "1600x900",
  "1680x1050",
  "1920x1080",
  "1920x1200",
  "2560x1440",
  "2560x1600",
  "2880x1800",
  "3840x2160",
  "1170x2532",
  "1179x2556",
  "1284x2778",
  "1080x1920",
  "1080x2340",
  "1080x2400",
  "1440x3200",
]);
const lossy = /^image\/(jpeg|webp|avif|heic|heif)$/;

/** Share of equal neighbours from which a picture counts as drawn, and below which as photographed. */
const FLAT = 0.85;
const GRAINY = 0.5;

function ofPicture(mediaType: string, image: ImageFacts | null, name: string): Verdict {
  if (image?.camera?.model || image?.exposure) return verdict("photo", 0.97, "camera data");
  if (screenshotName.test(name)) return verdict("screenshot", 0.95, "name of a screenshot");
  const measured =
    image?.flatness === undefined || image.transparency === undefined ? null : { flatness: image.flatness, see: image.transparency };
  if (!image || !measured) return verdict(lossy.test(mediaType) ? "photo" : "drawing", 0.5, "format alone, not decoded");
  if (image.frames > 1) return image.format === "tiff" ? verdict("document", 0.6, "several pages") : verdict("drawing", 0.6, "animation");
  if (measured.see > 0.02)
    return measured.flatness < 0.3 ? verdict("photo", 0.75, "fine grain, cut out") : verdict("drawing", 0.85, "transparent parts");
  if (measured.flatness >= FLAT) {
    return screens.has(`${image.width}x${image.height}`) && !lossy.test(mediaType)
      ? verdict("screenshot", 0.7, "even areas at the size of a screen")
      : verdict("drawing", 0.85, "even areas");
  }
  if (measured.flatness < GRAINY) return verdict("photo", 0.85, "fine grain");
  return lossy.test(mediaType) ? verdict("photo", 0.65, "format of photographs") : verdict("drawing", 0.55, "format of drawings");
}

const verdict = (category: Category, confidence: number, reason: string): Verdict => ({ category, confidence, reason });
