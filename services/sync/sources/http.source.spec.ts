import { mkdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startNginx, type Nginx, type NginxWay } from "../../../test/servers/nginx.ts";
import { sourceContract } from "./contract.ts";
import type { Access } from "./input.ts";
import { parseInput } from "./input.ts";
import { openSource } from "./kinds.ts";
import { bytesOf } from "./names.ts";
import type { Source } from "./source.ts";

/** A source as a tenant would ask for it, with the hosts that the operator allows to be private. */
async function sourceAt(url: string, access: object = {}, privateHosts: string[] = [new URL(url).host]): Promise<Source> {
  const http: Access = { http: access };
  const spec = await parseInput(url, http, { roots: [], privateHosts });
  return openSource({ ...spec, silence: 500 });
}

/** Files below a folder that a server reads. Times are whole seconds there: each writing is one second later than the one before it. */
function filesIn(root: string) {
  const place = (path: string) => Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]);
  let last = Math.floor(Date.now() / 1000) - 30;
  return {
    put(path: string, bytes: Buffer | string, seconds?: number): void {
      const at = place(path);
      mkdirSync(Buffer.concat([Buffer.from(`${root}/`), bytesOf(dirname(path))]), { recursive: true });
      const before = statSync(at, { throwIfNoEntry: false });
      writeFileSync(at, bytes);
      const time = seconds ?? (before ? Math.floor(before.mtimeMs / 1000) + 1 : last);
      utimesSync(at, time, time);
    },
    /** Removes a file, and the folders that it leaves empty. */
    remove(path: string): void {
      rmSync(place(path), { force: true });
      for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
        try {
          rmSync(place(folder), { recursive: false, force: true });
        } catch {
          return;
        }
      }
    },
  };
}

for (const [name, way, listing] of [
  ["nginx's HTML index", "html", "auto"],
  ["nginx's JSON index", "json", "auto"],
  ["nginx's WebDAV", "dav", "auto"],
  ["nginx's WebDAV, said to be that", "dav", "webdav"],
] as const) {
  sourceContract(name, async () => {
    const nginx = await startNginx();
    const files = filesIn(nginx.root);
    return {
      source: await sourceAt(`http://${nginx.plain}/${way}/`, { listing }),
      put: (path, bytes) => Promise.resolve(files.put(path, bytes)),
      remove: (path) => Promise.resolve(files.remove(path)),
      close: () => nginx.close(),
    };
  });
}
