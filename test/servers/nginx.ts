import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { aptInstall, canAptInstall } from "../../scripts/servers/apt.ts";
import { findProgram } from "../../scripts/servers/binaries.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import { launch } from "../../scripts/servers/process.ts";
import { untilReady } from "../../scripts/servers/ready.ts";
import { say } from "../../scripts/terminal.ts";
import { makeCertificates } from "./certificates.ts";

/** A real nginx. One folder is served in several ways, over plain HTTP and over TLS. */
export interface Nginx {
  /** "127.0.0.1:port" */
  plain: string;
  secure: string;
  /** PEM of the authority that signed the server's certificate (for 127.0.0.1 and files.example.com). */
  ca: string;
  /** What is served below /html/, /json/, … (see `NginxWay`); /away/ redirects to the plain server. */
  root: string;
  username: string;
  password: string;
  close(): Promise<void>;
}

/** html, json: autoindex in that format; dav: WebDAV; plain: files alone; locked: WebDAV that asks for the password. */
export type NginxWay = "html" | "json" | "dav" | "plain" | "locked";

const davModule = "/usr/lib/nginx/modules/ngx_http_dav_ext_module.so";

/** Starts nginx on free ports with a folder of its own, gone when it is closed. */
export async function startNginx(): Promise<Nginx> {
  const nginx = await provide();
  const folder = mkdtempSync(join(tmpdir(), "legendo-nginx-"));
  const at = (name: string) => join(folder, name);
  const root = at("root");
  for (const name of ["root", "temp"]) mkdirSync(at(name));
  const { ca, cert, key } = makeCertificates(folder, "IP:127.0.0.1,DNS:files.example.com");
  const [username, password] = ["camille", "correct horse"];
  writeFileSync(at("passwords"), `${username}:{PLAIN}${password}\n`);
  const [plain, secure] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const ways: Record<NginxWay, string> = {
    html: "autoindex on;",
    json: "autoindex on; autoindex_format json;",
    dav: "dav_ext_methods PROPFIND OPTIONS;",
    plain: "",
    locked: `dav_ext_methods PROPFIND OPTIONS; auth_basic "the archive"; auth_basic_user_file ${at("passwords")};`,
  };
  const locations = Object.entries(ways).map(([way, lines]) => `location /${way}/ { alias ${root}/; ${lines} }`);
  locations.push(`location /away/ { return 302 http://${plain}/plain/; }`);
  const temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${at("temp")};`);
  writeFileSync(
    at("nginx.conf"),
    [
      `load_module ${davModule};`,
      "daemon off;",
      // Files that only root may read are served too; for another user nginx leaves the line out.
      "user root;",
      `pid ${at("pid")};`,
      "error_log stderr;",
      "events {}",
      "http {",
      "access_log off;",
      ...temp,
      `server { listen ${plain}; ${locations.join("\n")} }`,
      `server { listen ${secure} ssl; ssl_certificate ${cert}; ssl_certificate_key ${key}; ${locations.join("\n")} }`,
      "}",
    ].join("\n"),
  );
  const running = launch({
    name: "nginx",
    dataDir: folder,
    command: nginx,
    args: ["-p", folder, "-c", at("nginx.conf")],
    env: process.env,
    cwd: folder,
  });
  const close = async () => {
    await running.stop(2000);
    rmSync(folder, { recursive: true, force: true });
  };
  await untilReady(running, () => fetch(`http://${plain}/`)).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { plain, secure, ca, root, username, password, close };
}

async function provide(): Promise<string> {
  const missing = () => !findProgram("nginx") || !existsSync(davModule);
  if (missing() && canAptInstall()) await aptInstall(["nginx-light", "libnginx-mod-http-dav-ext", "openssl"], say);
  const nginx = findProgram("nginx");
  if (!nginx || missing()) throw new Error("nginx and its WebDAV module are needed: install nginx-light and libnginx-mod-http-dav-ext.");
  return nginx;
}
