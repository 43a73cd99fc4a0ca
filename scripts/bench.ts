import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { attachEnvironment, dataFolder, root } from "./cluster.ts";
import { giveUp } from "./terminal.ts";

// npm run bench -- NAME [args]: runs bench/NAME.ts, in the environment of the cluster in .data when there is one.
const folder = join(root, "bench");
const names = globSync("*.ts", { cwd: folder, exclude: ["*.spec.ts"] }).map((file) => file.slice(0, -".ts".length));
const [name = "--help", ...args] = process.argv.slice(2);
try {
  if (name === "--help" || name === "-h") {
    console.log(`npm run bench -- NAME [options]; there are: ${names.join(", ") || "none yet"}`);
  } else {
    if (!names.includes(name)) throw new Error(`There is no measurement "${name}"; there are: ${names.join(", ") || "none yet"}.`);
    const dataDir = dataFolder();
    if (existsSync(join(dataDir, "cluster.json"))) Object.assign(process.env, attachEnvironment(dataDir));
    // The measurement sees its own arguments where it would if it were run by itself.
    process.argv = [process.execPath, join(folder, `${name}.ts`), ...args];
    await import(join(folder, `${name}.ts`));
    // It is over; the channel to the process that started this one would hold it open.
    process.exit();
  }
} catch (error) {
  giveUp(error);
}
