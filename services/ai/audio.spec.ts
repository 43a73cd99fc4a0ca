import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { readMedia } from "./audio.ts";

describe("readMedia", () => {
  test("reads length, format and tags of a WAV", async () => {
    const { media, problem } = await readMedia(await sample("sound/chime.wav"), "audio/wav");
    expect(problem).toBeNull();
    expect(media).toEqual({
      duration: 1.2,
      container: "WAVE",
      codec: "PCM",
      sampleRate: 8000,
      channels: 1,
      bitrate: 128000,
      video: null,
      title: "Two-tone chime",
      artist: "LEGENDO SYNC samples",
      album: null,
      year: null,
    });
  });

  test("noise under a sound's name gives a problem, not an exception", async () => {
    const { problem } = await readMedia(Buffer.from("RIFF....WAVE and then nothing of use"), "audio/wav");
    expect(problem).toMatch(/^The recording /);
  });
});
