// The first file that runs on a fresh clone: plain JavaScript for Node 20, no packages. It installs what package-lock.json says,
// finds a Node that runs TypeScript, and hands over to scripts/<command>.ts.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const commands = ["start", "test", "demo", "migrate", "archive", "audit-verify", "repl", "bench", "node", "paypal-simulator"];
// Runs TypeScript without a flag (22.18), and what undici asks for.
const oldestNode = [22, 19];
const signals = ["SIGINT", "SIGTERM", "SIGHUP"];

const [command = "", ...args] = process.argv.slice(2);
if (!commands.includes(command)) fail(`Expected one of: ${commands.join(", ")}; got ${command ? `"${command}"` : "nothing"}.`);
await installPackages();
// The channel tells the command when this process is killed: it then stops what it has started.
process.exitCode = await run(findNode(), [join("scripts", `${command}.ts`), ...args], ["inherit", "inherit", "inherit", "ipc"]);

/** Runs `npm ci` unless node_modules holds what package-lock.json says. */
async function installPackages() {
  if (isInstalled()) return;
  const begin = Date.now();
  const seconds = () => `${Math.round((Date.now() - begin) / 1000)} s`;
  console.log(`Packages: ${existsSync(join(root, "node_modules")) ? "other versions are wanted" : "not installed yet"}, running npm ci`);
  const ticker = setInterval(() => console.log(`Packages: still installing (${seconds()})`), 5_000);
  // Quiet: npm warns of every package that wants a newer Node than this one, though the one that runs them comes with the packages.
  const code = await run("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], "inherit");
  clearInterval(ticker);
  if (code !== 0)
    fail(`npm ci failed (exit code ${code}). Its message stands above; the packages come from the registry that npm is set to.`);
  console.log(`Packages: installed in ${seconds()}`);
}

/** Compares the lock file with the one that npm leaves in node_modules as its last step. */
function isInstalled() {
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const read = (path) => JSON.parse(readFileSync(path, "utf8")).packages;
  const here = read(installed);
  const mayLack = (entry) => entry.optional || entry.devOptional || (entry.dev && process.env.NODE_ENV === "production");
  return Object.entries(read(join(root, "package-lock.json"))).every(
    ([path, entry]) => path === "" || (here[path] ? here[path].version === entry.version : mayLack(entry)),
  );
}

/** The Node that came with the packages, else the running one if it is new enough. */
function findNode() {
  const packaged = join(root, "node_modules", ".bin", "node");
  const node = [packaged, process.execPath].find((path) => existsSync(path) && isNewEnough(path));
  if (!node) {
    fail(
      `Node ${oldestNode.join(".")} or newer is needed (24 is best); this is ${process.version}, and the packages hold none for ${process.platform}-${process.arch}. ` +
        "Install one from https://nodejs.org and run the command again.",
    );
  }
  return node;
}

function isNewEnough(path) {
  // Asked rather than read from a file name: a binary for another C library is there but does not run.
  const { stdout, status } = spawnSync(path, ["--version"], { encoding: "utf8" });
  const [major, minor] = (stdout ?? "").replace("v", "").split(".").map(Number);
  return status === 0 && (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1]));
}

/** Runs a program from the repo's root with this one's terminal; signals sent to this process are passed on. */
function run(program, parameters, stdio) {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, {
      cwd: root,
      stdio,
      env: { ...process.env, PATH: [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter) },
    });
    // A terminal's Ctrl-C reaches the child too, as it is in the same process group, and then comes a second time from here:
    // the commands take a repeat within a second for the same wish.
    const forward = (signal) => child.kill(signal);
    for (const signal of signals) process.on(signal, forward);
    const finish = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.once("error", (error) => {
      console.error(`${program}: ${error.message}`);
      finish(127);
    });
    child.once("exit", (code, signal) => finish(code ?? 128 + constants.signals[signal]));
  });
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
