import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { root } from "../scripts/cluster.ts";

// A small one of `npm run bench -- model`, in a process of its own: it kills the servers it works with.
it("catalogue and vault equal the source after random changes and kills, and every version is still there", async () => {
  const run = promisify(execFile);
  const args = ["--no-warnings", "bench/model.ts", "--rounds", "3", "--changes", "20", "--seed", String(Date.now() % 1_000_000)];
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 280_000 }).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    },
  );
  expect(stdout).toMatch(/faults +0\n/);
}, 300_000);
