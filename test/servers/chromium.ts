import { chromium, type Browser } from "playwright-core";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { say } from "../../scripts/terminal.ts";

/** What a browser does by itself and no test asked for: look-ups of its maker's hosts, updates, a sandbox that root can't have. */
const quietly = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"],
];

/** A headless Chromium, the machine's own, that reaches loopback alone. Close it when done. @throws Error that says what to install */
export async function startChromium(): Promise<Browser> {
  const find = () => findProgram("chromium") ?? findProgram("chromium-browser") ?? findProgram("google-chrome");
  if (!find() && canAptInstall()) await aptInstall(["chromium"], say);
  const executablePath = find();
  if (!executablePath) throw new Error("A browser is needed: install chromium.");
  return await chromium.launch({ executablePath, args: quietly });
}
