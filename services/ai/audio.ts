export interface MediaFacts {
  /** Seconds; null when the file does not tell. */
  duration: number | null;
  container: string | null;
  codec: string | null;
  sampleRate: number | null;
  channels: number | null;
  /** Bits per second. */
  bitrate: number | null;
  video: { codec: string | null; width: number | null; height: number | null } | null;
  title: string | null;
  artist: string | null;
  album: string | null;
  year: number | null;
}

/** Reads tags and stream facts of sound, and of films as far as their container tells. Covers are left unread. */
export async function readMedia(bytes: Uint8Array, mediaType: string): Promise<{ media: MediaFacts | null; problem: string | null }> {
  const { parseBuffer } = await import("music-metadata");
  try {
    const { format, common } = await parseBuffer(bytes, { mimeType: mediaType, size: bytes.length }, { skipCovers: true, duration: false });
    const picture = format.trackInfo.find((track) => track.video);
    const media: MediaFacts = {
      duration: positive(format.duration, 1000),
      container: format.container ?? null,
      codec: format.codec ?? null,
      sampleRate: positive(format.sampleRate),
      channels: positive(format.numberOfChannels),
      bitrate: positive(format.bitrate),
      video: picture
        ? { codec: picture.codecName ?? null, width: positive(picture.video?.pixelWidth), height: positive(picture.video?.pixelHeight) }
        : null,
      title: line(common.title),
      artist: line(common.artist),
      album: line(common.album),
      year: positive(common.year),
    };
    const silent = media.duration === null && media.codec === null && !media.video;
    return { media, problem: silent ? "The recording holds no stream that can be read." : null };
  } catch {
    return { media: null, problem: "The recording is damaged or of a kind whose structure is not known here." };
  }
}

/** Rounded to `1 / parts`; null for what is missing, zero or not a number. */
const positive = (value: number | undefined, parts = 1): number | null =>
  value !== undefined && Number.isFinite(value) && value > 0 ? Math.round(value * parts) / parts : null;

const line = (value: string | undefined): string | null =>
  value
    ?.replace(/[\s\0]+/g, " ")
    .trim()
    .slice(0, 200) || null;
