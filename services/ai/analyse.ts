import { createHash } from "node:crypto";
import type { AnalysisStatus } from "../../entities/AiAnalysis.ts";
import { readMedia, type MediaFacts } from "./audio.ts";
import { categorise, type Verdict } from "./category.ts";
import { readPdf, type DocumentFacts } from "./document.ts";
import { identify, type Identity } from "./identify.ts";
import { readImage, type ImageFacts } from "./image.ts";
import { readText, type TextFacts } from "./text.ts";
import { makeThumbnail, type Thumbnail } from "./thumbnail.ts";

/** Written beside each result. Raise the number when a result for the same bytes would come out differently: then content is read anew. */
export const analyserVersion = "basic-1";

export interface Request {
  /** The content, or its head when it is larger than what is read. */
  bytes: Uint8Array;
  name: string;
  /** Bytes of the whole content. */
  size: number;
  /** Limit of decoding one picture, in seconds. */
  seconds: number;
}

export interface Metadata {
  extension: string;
  extensionMatches: boolean | null;
  /** Hexadecimal; null when only the head was read. */
  sha256: string | null;
  /** Why this category. */
  reason: string;
  image?: ImageFacts;
  text?: TextFacts;
  document?: DocumentFacts;
  media?: MediaFacts;
}

export interface Analysis {
  analyser: string;
  status: AnalysisStatus;
  mediaType: string;
  category: Verdict["category"];
  confidence: number;
  metadata: Metadata;
  thumbnail: Thumbnail | null;
  /** What could not be read, as a sentence. */
  problem: string | null;
  durationMs: number;
}

/** Bytes in, one record out. Damaged and hostile content gives a record with a problem; only a fault of the analyser itself throws. */
export async function analyse(request: Request): Promise<Analysis> {
  const began = performance.now();
  const whole = request.bytes.length === request.size;
  const identity = await identify(request.bytes, request.name, whole);
  const facts = whole ? await read(request, identity) : headOnly(request);
  const { category, confidence, reason } = categorise(identity, facts.image ?? null, request.name);
  const { thumbnail, problem, ...parts } = facts;
  return {
    analyser: analyserVersion,
    status: problem ? "partial" : "complete",
    mediaType: identity.mediaType,
    category,
    confidence,
    metadata: storable({
      extension: identity.extension,
      extensionMatches: identity.extensionMatches,
      sha256: whole ? createHash("sha256").update(request.bytes).digest("hex") : null,
      reason,
      ...parts,
    }),
    thumbnail,
    problem,
    durationMs: Math.round(performance.now() - began),
  };
}

/** jsonb refuses NUL and half surrogate pairs, and foreign strings hold both. */
const storable = (metadata: Metadata): Metadata =>
  JSON.parse(
    JSON.stringify(metadata, (_, value: unknown) => (typeof value === "string" ? value.replaceAll("\0", "").toWellFormed() : value)),
  ) as Metadata;

interface Facts extends Pick<Metadata, "image" | "text" | "document" | "media"> {
  thumbnail: Thumbnail | null;
  problem: string | null;
}

async function read({ bytes, seconds }: Request, { mediaType, encoding }: Identity): Promise<Facts> {
  if (mediaType.startsWith("image/")) {
    const { image, plane, problem } = await readImage(bytes, seconds);
    return { ...(image && { image }), thumbnail: plane && (await makeThumbnail(plane)), problem };
  }
  if (mediaType === "application/pdf") {
    const { document, problem } = await readPdf(bytes);
    return { ...(document && { document }), thumbnail: null, problem };
  }
  if (/^(audio|video)\//.test(mediaType)) {
    const { media, problem } = await readMedia(bytes, mediaType);
    return { ...(media && { media }), thumbnail: null, problem };
  }
  return { ...(encoding && { text: await readText(bytes, encoding, mediaType) }), thumbnail: null, problem: null };
}

const headOnly = ({ bytes, size }: Request): Facts => ({
  thumbnail: null,
  problem: `The content has ${size} bytes; only the first ${bytes.length} were read, to identify it.`,
});

/** The record of content about which nothing could be found out: its analysis ran out of time, or its bytes are lost. */
export const failedAnalysis = (problem: string, durationMs: number): Analysis => ({
  analyser: analyserVersion,
  status: "failed",
  mediaType: "application/octet-stream",
  category: "other",
  confidence: 0,
  metadata: { extension: "", extensionMatches: null, sha256: null, reason: "not analysed" },
  thumbnail: null,
  problem,
  durationMs: Math.round(durationMs),
});
