import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "@jest/globals";
import { storeContract } from "./store.contract.ts";
import { openStore, type StoredObject } from "./store.ts";

const folder = mkdtempSync(join(tmpdir(), "legendo-vault-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = () => mkdtempSync(join(folder, "store-"));
const storeIn = (path: string) => openStore({ url: pathToFileURL(path).href, fsync: true });

storeContract("A folder", async () => ({ store: await storeIn(fresh()), close: () => Promise.resolve() }));

describe("A vault in a folder", () => {
  it("shows no half-written object after its writer was killed, and clears it a day later", async () => {
    const path = fresh();
    const script = `
      const { openStore } = await import(${JSON.stringify(new URL("./store.ts", import.meta.url).href)});
      const store = await openStore({ url: ${JSON.stringify(pathToFileURL(path).href)}, fsync: true });
      const upload = await store.create("tenant/aa/object");
      await upload.write([Buffer.alloc(1_000_000)]);
      console.log("written");
      setInterval(() => {}, 1000);`;
    const writer = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(writer.stdout, "data");
    writer.kill("SIGKILL");
    await once(writer, "exit");

    const store = await storeIn(path);
    const pages: StoredObject[][] = [];
    for await (const page of store.list("")) pages.push(page);
    expect(pages.flat()).toEqual([]);
    await expect(store.open("tenant/aa/object", 0, 10)).rejects.toMatchObject({ type: "VAULT_OBJECT_MISSING" });

    const incoming = join(path, ".incoming");
    const [left] = readdirSync(incoming);
    await store.check();
    expect(readdirSync(incoming)).toEqual([left]);
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    utimesSync(join(incoming, left!), twoDaysAgo, twoDaysAgo);
    await store.check();
    expect(readdirSync(incoming)).toEqual([]);
  });

  it("makes its folder anew when someone has removed it, once the loss was reported", async () => {
    const path = fresh();
    const store = await storeIn(path);
    await (await store.create("tenant/aa/1")).abort();
    rmSync(path, { recursive: true });
    await expect(store.create("tenant/aa/2")).rejects.toMatchObject({ type: "VAULT_UNREACHABLE", retryable: true });
    const upload = await store.create("tenant/aa/2");
    await upload.write([Buffer.from("x")]);
    await upload.commit();
    expect(readdirSync(join(path, "tenant/aa"))).toEqual(["2"]);
  });

  it("says that it can't be written when a file stands in its place", async () => {
    const path = join(fresh(), "file");
    writeFileSync(path, "");
    await expect((await storeIn(path)).create("tenant/aa/1")).rejects.toMatchObject({ type: "VAULT_UNREACHABLE" });
  });

  it("says that the disk is full, leaves nothing behind and goes on when there is room again", async () => {
    const path = fresh();
    const mounted = mount(path);
    if (!mounted) return console.warn("Skipped: a small tmpfs can't be mounted here, so the disk can't be filled.");
    try {
      const store = await storeIn(path);
      const upload = await store.create("tenant/aa/large");
      expect(() => upload.write([Buffer.alloc(1_000_000), Buffer.alloc(3_000_000)])).toThrow(
        expect.objectContaining({ type: "VAULT_FULL", retryable: true }),
      );
      await upload.abort();
      expect(readdirSync(join(path, ".incoming"))).toEqual([]);
      const small = await store.create("tenant/aa/small");
      await small.write([Buffer.alloc(1_000_000)]);
      await small.commit();
    } finally {
      execFileSync("umount", [path]);
    }
  });
});

function mount(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
