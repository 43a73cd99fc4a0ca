import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "@jest/globals";
import { root } from "../scripts/cluster.ts";

// A small one of `npm run bench -- scale`, in processes of their own.
it("urgent jobs overtake a queue of hundreds, and every tenant in it has its share", async () => {
  const run = promisify(execFile);
  const args = ["--no-warnings", "bench/scale.ts", "--quick"];
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 170_000 }).catch(
    (error: { stdout: string; stderr: string }) => {
      throw new Error(`${error.stdout}\n${error.stderr}`);
    },
  );
  expect(stdout).toMatch(/2 nodes +\d+ files\/s/);
  expect(stdout).not.toContain("NOT reached");
}, 180_000);
