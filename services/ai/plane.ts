/** A decoded picture, upright, in sRGB with alpha, at most 512 px a side: decoded once, then measured and shrunk. */
export interface Plane {
  data: Uint8Array;
  width: number;
  height: number;
}
export const PLANE_SIDE = 512;

export interface Measures {
  /** "#rrggbb" of the most frequent colour, null when everything is transparent. */
  dominantColour: string | null;
  /** Share of neighbouring pixels that are equal: high in drawings and screenshots, low in photographs. */
  flatness: number;
  /** How many of 4,096 colours cover at least one pixel in two thousand. */
  colours: number;
  /** Share of pixels that are not opaque. */
  transparency: number;
}

/** Colour measures of a plane, in one pass. */
export function measure({ data, width, height }: Plane): Measures {
  const count = new Uint32Array(4096);
  const sums = new Float64Array(4096 * 3);
  let visible = 0;
  let see = 0;
  let pairs = 0;
  let equal = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const i = (y * width + x) * 4;
      if (data[i + 3]! < 250) see++;
      if (data[i + 3]! < 128) continue;
      const bin = ((data[i]! >> 4) << 8) | ((data[i + 1]! >> 4) << 4) | (data[i + 2]! >> 4);
      count[bin]!++;
      visible++;
      for (let c = 0; c < 3; c++) sums[bin * 3 + c]! += data[i + c]!;
      if (x + 1 === width || data[i + 7]! < 128) continue;
      pairs++;
      if (near(data, i, i + 4)) equal++;
    }
  const top = count.reduce((best, n, bin) => (n > count[best]! ? bin : best), 0);
  const hex = (c: number) =>
    Math.round(sums[top * 3 + c]! / count[top]!)
      .toString(16)
      .padStart(2, "0");
  return {
    dominantColour: visible ? `#${hex(0)}${hex(1)}${hex(2)}` : null,
    flatness: pairs ? round(equal / pairs) : 1,
    colours: count.reduce((sum, n) => sum + (n > visible / 2000 ? 1 : 0), 0),
    transparency: round(see / (width * height)),
  };
}

const near = (data: Uint8Array, i: number, j: number) =>
  Math.abs(data[i]! - data[j]!) <= 1 && Math.abs(data[i + 1]! - data[j + 1]!) <= 1 && Math.abs(data[i + 2]! - data[j + 2]!) <= 1;

const round = (share: number) => Math.round(share * 1000) / 1000;
