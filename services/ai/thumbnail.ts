import type { Plane } from "./plane.ts";

/** Longest side in pixels. */
export const THUMBNAIL_SIDE = 320;

export interface Thumbnail {
  width: number;
  height: number;
  /** WebP. */
  bytes: Uint8Array;
}

/** A WebP of at most 320 px from a decoded, already upright picture; never larger than the picture itself. */
export async function makeThumbnail(plane: Plane): Promise<Thumbnail> {
  const { default: sharp } = await import("sharp");
  const { data, info } = await sharp(plane.data, { raw: { width: plane.width, height: plane.height, channels: 4 } })
    .resize(THUMBNAIL_SIDE, THUMBNAIL_SIDE, { fit: "inside", withoutEnlargement: true })
    .webp({ quality: 72, effort: 3 })
    .toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, bytes: data };
}
