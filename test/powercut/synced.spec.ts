import { describe, expect, it } from "@jest/globals";
import { diskTrouble } from "./disk.ts";
import { cutThePower } from "./story.ts";

const trouble = await diskTrouble();

describe("A power cut", () => {
  (trouble ? it.skip : it)(
    `loses nothing that was reported as stored, neither of a job that has ended nor of one that runs${trouble ? ` (not tried: ${trouble})` : ""}`,
    async () => {
      const { recorded, lost, status } = await cutThePower({ VAULT_FSYNC: "true" });
      expect(recorded.ended).toBe(201);
      expect(recorded.running).toBeGreaterThanOrEqual(1_000);
      expect(lost).toEqual([]);
      // The disk fails from then on: the job says so, or had just ended.
      expect(status).toBe(recorded.running < 5_000 ? "failed" : "completed");
    },
    180_000,
  );
});
