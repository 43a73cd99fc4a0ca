import type { Metadata, Sharp, SharpOptions } from "sharp";
import { readTags, type PictureTags } from "./exif.ts";
import { measure, PLANE_SIDE, type Measures, type Plane } from "./plane.ts";

/** More pixels than this are not decoded: 100 MP are 400 MB of memory. */
export const PIXEL_LIMIT = 100e6;

export interface ImageFacts extends PictureTags, Partial<Measures> {
  format: string;
  /** As shown, after orientation. */
  width: number;
  height: number;
  /** EXIF orientation 1–8 as stored; 1 is upright. */
  orientation: number;
  colourSpace: string;
  bitDepth: number | null;
  alpha: boolean;
  /** Frames of an animation or pages of a TIFF. */
  frames: number;
  damaged: boolean;
}

export interface ImageResult {
  image: ImageFacts | null;
  /** Null when nothing could be decoded. */
  plane: Plane | null;
  problem: string | null;
}

/**
 * Reads a picture's facts and decodes it once.
 * A truncated picture is decoded as far as it goes and marked damaged; one that is too large is described but not decoded.
 * @param seconds after which libvips gives up on the picture.
 */
export async function readImage(bytes: Uint8Array, seconds: number): Promise<ImageResult> {
  const open = await opener(bytes);
  let described: Metadata;
  try {
    described = await open({ limitInputPixels: false, failOn: "none" }).metadata();
  } catch (error) {
    return { image: null, plane: null, problem: `The picture cannot be read: ${sentence(error)}` };
  }
  const image = { ...factsOf(described), ...(await readTags(bytes)) };
  const pixels = described.width * described.height;
  if (pixels > PIXEL_LIMIT)
    return {
      image,
      plane: null,
      problem: `At most ${PIXEL_LIMIT / 1e6} million pixels are decoded; the picture has ${Math.ceil(pixels / 1e6)} million.`,
    };
  try {
    const plane = await decodePlane(open({ limitInputPixels: PIXEL_LIMIT, failOn: "warning" }), seconds);
    return { image: { ...image, ...measure(plane) }, plane, problem: null };
  } catch (strict) {
    const problem = `The picture is damaged: ${sentence(strict)}`;
    try {
      const plane = await decodePlane(open({ limitInputPixels: PIXEL_LIMIT, failOn: "none" }), seconds);
      return { image: { ...image, ...measure(plane), damaged: true }, plane, problem };
    } catch {
      return { image: { ...image, damaged: true }, plane: null, problem };
    }
  }
}

async function opener(bytes: Uint8Array): Promise<(options: SharpOptions) => Sharp> {
  const { default: sharp } = await import("sharp");
  // A worker analyses one asset at a time; more libvips threads would only take the cores of its neighbours.
  sharp.concurrency(1);
  sharp.cache(false);
  return (options) => sharp(bytes, options);
}

async function decodePlane(picture: Sharp, seconds: number): Promise<Plane> {
  const { data, info } = await picture
    .autoOrient()
    .resize(PLANE_SIDE, PLANE_SIDE, { fit: "inside", withoutEnlargement: true })
    .toColourspace("srgb")
    .ensureAlpha()
    .raw()
    .timeout({ seconds })
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

const depths: Record<string, number> = { uchar: 8, char: 8, ushort: 16, short: 16, uint: 32, int: 32, float: 32, double: 64 };

const factsOf = (described: Metadata): ImageFacts => ({
  format: described.format === "heif" && described.compression === "av1" ? "avif" : described.format,
  width: described.autoOrient.width,
  height: described.autoOrient.height,
  orientation: described.orientation ?? 1,
  colourSpace: described.space,
  bitDepth: depths[described.depth] ?? null,
  alpha: described.hasAlpha,
  frames: described.pages ?? 1,
  damaged: false,
});

/** The first line of a library's message, as part of a sentence of ours. */
const sentence = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 160);
