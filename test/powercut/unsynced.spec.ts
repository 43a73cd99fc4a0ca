import { describe, expect, it } from "@jest/globals";
import { diskTrouble } from "./disk.ts";
import { cutThePower } from "./story.ts";

const trouble = await diskTrouble();

describe("A power cut with VAULT_FSYNC=false", () => {
  (trouble ? it.skip : it)(
    `loses what was reported as stored: the disk of these tests forgets what was not synced${trouble ? ` (not tried: ${trouble})` : ""}`,
    async () => {
      const { recorded, lost } = await cutThePower({ VAULT_FSYNC: "false" });
      expect(recorded.ended).toBe(201);
      expect(lost.length).toBe(recorded.ended + recorded.running);
    },
    180_000,
  );
});
