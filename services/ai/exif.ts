import type { ExpandedTags } from "exifreader";

/** What a camera or an editor wrote into a picture. Times are local to the camera, without a zone unless it told one. */
export interface PictureTags {
  takenAt?: string;
  camera?: { make?: string; model?: string; lens?: string };
  exposure?: { time?: string; aperture?: number; iso?: number; focalLength?: number };
  /** WGS 84 degrees and metres. Personal data: listed in `sensitive`. */
  place?: { latitude: number; longitude: number; altitude?: number };
  software?: string;
  artist?: string;
  copyright?: string;
  title?: string;
  /** Members that may tell where a person was; not to be shown without need. */
  sensitive?: "place"[];
}

const LENGTH = 200;

/** Reads EXIF, GPS and XMP; pictures without any, and damaged blocks, give what could be read. */
export async function readTags(bytes: Uint8Array): Promise<PictureTags> {
  const { default: exifReader } = await import("exifreader");
  let tags: ExpandedTags;
  try {
    tags = exifReader.load(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), { expanded: true });
  } catch {
    return {};
  }
  const exif: Record<string, unknown> = { ...tags.exif };
  const xmp: Record<string, unknown> = { ...tags.xmp };
  const place = placeOf(tags);
  return (
    compact({
      takenAt: timeOf(text(exif["DateTimeOriginal"]) ?? text(exif["DateTime"]), text(exif["OffsetTimeOriginal"])),
      camera: compact({ make: text(exif["Make"]), model: text(exif["Model"]), lens: text(exif["LensModel"]) }),
      exposure: compact({
        time: text(exif["ExposureTime"]),
        aperture: ratio(exif["FNumber"]),
        iso: number(exif["ISOSpeedRatings"]),
        focalLength: ratio(exif["FocalLength"]),
      }),
      place,
      software: text(exif["Software"]),
      artist: text(exif["Artist"]),
      copyright: text(exif["Copyright"]),
      title: text(xmp["title"]),
      sensitive: place ? ["place"] : undefined,
    }) ?? {}
  );
}

function placeOf(tags: ExpandedTags): PictureTags["place"] {
  const { Latitude: latitude, Longitude: longitude, Altitude: altitude } = tags.gps ?? {};
  if (latitude === undefined || longitude === undefined || !(Math.abs(latitude) <= 90) || !(Math.abs(longitude) <= 180)) return undefined;
  // Cameras without a fix write 0, 0: a spot in the sea nobody photographs.
  if (latitude === 0 && longitude === 0) return undefined;
  const round = (degrees: number) => Math.round(degrees * 1e6) / 1e6;
  return { latitude: round(latitude), longitude: round(longitude), ...(Number.isFinite(altitude) && { altitude: Math.round(altitude!) }) };
}

/** EXIF writes "2024:10:05 09:14:33"; unset clocks write zeros or spaces. */
function timeOf(written: string | undefined, offset: string | undefined): string | undefined {
  const match = /^(\d{4}):(\d\d):(\d\d)[ T](\d\d:\d\d:\d\d)/.exec(written ?? "");
  if (!match || match[2] === "00" || match[3] === "00") return undefined;
  const zone = /^[+-]\d\d:\d\d$/.test(offset ?? "") ? offset! : "";
  const time = `${match[1]}-${match[2]}-${match[3]}T${match[4]}`;
  return Number.isNaN(Date.parse(`${time}Z`)) ? undefined : time + zone;
}

interface Tag {
  value: unknown;
  description: unknown;
}
const isTag = (tag: unknown): tag is Tag => typeof tag === "object" && tag !== null && "description" in tag;

function text(tag: unknown): string | undefined {
  if (!isTag(tag) || typeof tag.description !== "string") return undefined;
  // eslint-disable-next-line no-control-regex -- fixed-width fields are padded with NUL, which jsonb refuses
  const clean = tag.description.replace(/[\u0000-\u001f]+/g, " ").trim();
  return clean ? clean.slice(0, LENGTH) : undefined;
}

const number = (tag: unknown): number | undefined =>
  isTag(tag) && Number.isFinite(Number(tag.description)) ? Number(tag.description) : undefined;

/** EXIF rationals are pairs. */
function ratio(tag: unknown): number | undefined {
  const pair: unknown = isTag(tag) ? tag.value : undefined;
  if (!Array.isArray(pair) || pair.length !== 2) return undefined;
  const value = Number(pair[0]) / Number(pair[1]);
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : undefined;
}

/** Drops unset members; undefined when none is left. */
function compact<T extends object>(record: T): T | undefined {
  const set = Object.entries(record).filter(([, value]) => value !== undefined);
  return set.length ? (Object.fromEntries(set) as T) : undefined;
}
