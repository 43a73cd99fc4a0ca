import { mkdirSync, rmdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { startNginx, type NginxWay } from "../../../test/servers/nginx.ts";
import { webSource } from "../../../test/websource.ts";
import { sourceContract } from "./contract.ts";
import { bytesOf } from "./names.ts";

/**
 * Files below a folder that nginx serves. HTTP has whole seconds, and nginx makes its ETags of size and time alone: an edit that keeps both can't
 * be seen by anybody. So each writing of a file is one second later than the one before it, as of half a minute ago.
 */
function filesIn(root: string) {
  const place = (path: string) => Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]);
  const begin = Math.floor(Date.now() / 1000) - 30;
  return {
    put(path: string, bytes: Buffer): void {
      const at = place(path);
      mkdirSync(place(dirname(path)), { recursive: true });
      const before = statSync(at, { throwIfNoEntry: false });
      writeFileSync(at, bytes);
      const time = before ? Math.floor(before.mtimeMs / 1000) + 1 : begin;
      utimesSync(at, time, time);
    },
    /** Removes a file, and the folders that it leaves empty. */
    remove(path: string): void {
      rmSync(place(path), { force: true });
      try {
        for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) rmdirSync(place(folder));
      } catch {
        // There is something in it yet.
      }
    },
  };
}

const ways: [name: string, way: NginxWay][] = [
  ["nginx's HTML index", "html"],
  ["nginx's JSON index", "json"],
  ["nginx's WebDAV", "dav"],
];
for (const [name, way] of ways) {
  sourceContract(name, async () => {
    const nginx = await startNginx();
    const files = filesIn(nginx.root);
    return {
      source: await webSource(`http://${nginx.plain}/${way}/`),
      put: (path, bytes) => Promise.resolve(files.put(path, bytes)),
      remove: (path) => Promise.resolve(files.remove(path)),
      close: () => nginx.close(),
    };
  });
}
