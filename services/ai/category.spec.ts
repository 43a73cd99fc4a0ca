import { describe, expect, test } from "@jest/globals";
import { sample } from "../../test/samples.ts";
import { categorise } from "./category.ts";
import { identify } from "./identify.ts";
import { readImage } from "./image.ts";

async function verdict(path: string) {
  const bytes = await sample(path);
  const identity = await identify(bytes, path);
  const { image } = identity.mediaType.startsWith("image/") ? await readImage(bytes, 10) : { image: null };
  return categorise(identity, image, path);
}

describe("categorise", () => {
  test.each([
    ["photos/2024 autumn/morning over the lake.jpg", "photo", "camera data"],
    ["photos/forêt.jpg", "photo", "format of photographs"],
    ["photos/lossless.png", "photo", "fine grain"],
    ["pictures/logo.svg", "drawing", "vector graphic"],
    ["pictures/logo.png", "drawing", "transparent parts"],
    ["pictures/chart.png", "drawing", "even areas"],
    ["pictures/spinner.gif", "drawing", "animation"],
    ["pictures/Screenshot 2024-11-02 at 10.15.40.png", "screenshot", "name of a screenshot"],
    ["documents/invoice 2024-0017.pdf", "document", "document format"],
    ["documents/handbook.html", "document", "text with this extension"],
    ["texts/english.txt", "text", "text with this extension"],
    ["data/orders.json", "data", "text with this extension"],
    ["code/matrix.c", "code", "text with this extension"],
    ["sound/chime.wav", "audio", "sound container"],
    ["archive/logs.tar.gz", "archive", "archive format"],
    ["texts/empty.txt", "other", "empty"],
  ])("%s is a %s: %s", async (path, category, reason) => {
    expect(await verdict(path)).toMatchObject({ category, reason });
  });

  test("is less sure where only the format speaks", async () => {
    expect((await verdict("photos/forêt.jpg")).confidence).toBeLessThan((await verdict("photos/lossless.png")).confidence);
  });

  test("knows a screenshot by its size and evenness when the name is silent", async () => {
    const bytes = await sample("pictures/Screenshot 2024-11-02 at 10.15.40.png");
    const { image } = await readImage(bytes, 10);
    expect(categorise(await identify(bytes, "a.png"), image, "a.png")).toMatchObject({ category: "screenshot", confidence: 0.7 });
  });
});
