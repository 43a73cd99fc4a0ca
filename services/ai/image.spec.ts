import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { crc32, deflateSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import sharp from "sharp";
import { sample } from "../../test/samples.ts";
import { readImage } from "./image.ts";
import { makeThumbnail } from "./thumbnail.ts";

describe("readImage", () => {
  test("reads a camera's facts and flags the place as sensitive", async () => {
    const { image, problem } = await readImage(await sample("photos/2024 autumn/morning over the lake.jpg"), 10);
    expect(problem).toBeNull();
    expect(image).toMatchObject({
      format: "jpeg",
      width: 800,
      height: 600,
      orientation: 1,
      colourSpace: "srgb",
      bitDepth: 8,
      alpha: false,
      takenAt: "2024-10-05T09:14:33",
      camera: { make: "Sample Optics", model: "SO-1", lens: "SO 35mm F2" },
      exposure: { time: "1/250", aperture: 8, iso: 100, focalLength: 35 },
      place: { latitude: 46.458333, longitude: 7.853333, altitude: 565 },
      sensitive: ["place"],
      damaged: false,
    });
    expect(image?.dominantColour).toMatch(/^#[0-9a-f]{6}$/);
  });

  test("turns a picture upright", async () => {
    const { image, plane } = await readImage(await sample("photos/2024 autumn/Bergsee in der Dämmerung.jpg"), 10);
    expect(image).toMatchObject({ orientation: 6, width: 480, height: 640 });
    const { width, height, bytes } = await makeThumbnail(plane!);
    expect([width, height]).toEqual([240, 320]);
    const seen = await sharp(bytes).metadata();
    expect([seen.format, seen.width, seen.height, seen.orientation]).toEqual(["webp", 240, 320, undefined]);
    // The sky is brighter than the land below it: upright, not turned by 180 degrees.
    const brightness = async (top: number) => {
      const strip = await sharp(bytes).extract({ left: 0, top, width, height: 40 }).greyscale().raw().toBuffer();
      return strip.reduce((sum, value) => sum + value, 0) / strip.length;
    };
    expect(await brightness(110)).toBeGreaterThan((await brightness(205)) + 20);
  });

  test("reads EXIF of WebP, and frames of an animation", async () => {
    expect((await readImage(await sample("photos/закат над морем.webp"), 10)).image).toMatchObject({
      format: "webp",
      takenAt: "2023-07-19T21:20:00",
    });
    expect((await readImage(await sample("pictures/spinner.gif"), 10)).image).toMatchObject({
      format: "gif",
      frames: 4,
      width: 64,
      height: 64,
    });
    expect((await readImage(await sample("photos/moor.avif"), 10)).image).toMatchObject({ format: "avif", width: 480, height: 320 });
  });

  test("never enlarges a thumbnail", async () => {
    const { plane } = await readImage(await sample("pictures/spinner.gif"), 10);
    expect(await makeThumbnail(plane!)).toMatchObject({ width: 64, height: 64 });
  });

  test("shows what is left of a truncated picture and marks it damaged", async () => {
    const whole = await sample("photos/2024 autumn/morning over the lake.jpg");
    const { image, plane, problem } = await readImage(whole.slice(0, whole.length >> 1), 10);
    expect(image).toMatchObject({ width: 800, height: 600, damaged: true, camera: { model: "SO-1" } });
    expect(plane).toMatchObject({ width: 512, height: 384 });
    expect(problem).toMatch(/^The picture is damaged: /);
  });

  test("describes a picture of 256 million pixels without decoding it", async () => {
    const { image, plane, problem } = await readImage(bomb(16_000), 10);
    expect(image).toMatchObject({ format: "png", width: 16_000, height: 16_000 });
    expect(plane).toBeNull();
    expect(problem).toBe("At most 100 million pixels are decoded; the picture has 256 million.");
  });

  test("an SVG draws no file of this machine", async () => {
    const folder = await mkdtemp(join(tmpdir(), "legendo-svg-"));
    try {
      const secret = join(folder, "secret.png");
      await writeFile(secret, await sample("pictures/chart.png"));
      const href = pathToFileURL(secret).href;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64"><image xlink:href="${href}" href="${href}" width="64" height="64"/></svg>`;
      const { image, plane } = await readImage(Buffer.from(svg), 10);
      expect(image).toMatchObject({ format: "svg", transparency: 1, dominantColour: null });
      expect(plane!.data.every((byte) => byte === 0)).toBe(true);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("what is no picture gives a problem, not an exception", async () => {
    const { image, plane, problem } = await readImage(await sample("code/matrix.c"), 10);
    expect([image, plane]).toEqual([null, null]);
    expect(problem).toMatch(/^The picture cannot be read: /);
  });
});

/** A one-bit grey PNG, `side` pixels square: some 30 kB whose pixels fill 256 MB. */
function bomb(side: number): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header[8] = 1;
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const rows = deflateSync(Buffer.alloc(side * (1 + side / 8)));
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return new Uint8Array(Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", Buffer.alloc(0))]));
}
