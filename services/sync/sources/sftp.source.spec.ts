import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, connect, type AddressInfo, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startOpenSsh, type OpenSsh } from "../../../test/servers/openssh.ts";
import { drained, listed, sourceContract } from "./contract.ts";
import { destinationContract } from "./destination.contract.ts";
import { place } from "./disk.ts";
import { parseInput } from "./input.ts";
import { kindOf, openDestination, openSource } from "./kinds.ts";
import { nameOfBytes } from "./names.ts";
import { partName } from "./part.ts";
import type { SftpSpec } from "./sftp/spec.ts";
import type { Destination, Source, Writing } from "./source.ts";

let server: OpenSsh;
/** Has none of OpenSSH's extensions, and asks for the password by keyboard-interactive alone. */
let plain: OpenSsh;
beforeAll(async () => {
  [server, plain] = await Promise.all([
    startOpenSsh(),
    startOpenSsh({ keyboard: true, sftp: "/usr/lib/openssh/sftp-server -P posix-rename,fsync,statvfs,limits" }),
  ]);
});
afterAll(async () => {
  await Promise.all([server.close(), plain.close()]);
});

function folderOn({ home, give }: OpenSsh): string {
  const folder = mkdtempSync(join(home, "place-"));
  chmodSync(folder, 0o755);
  give(folder);
  return folder;
}

function specOf({ host, port, user, password, hostKeys }: OpenSsh, root: string, changed: Partial<SftpSpec> = {}): SftpSpec {
  return {
    kind: "sftp",
    uri: `sftp://${user}@${host}:${port}${root}`,
    host: `${host}:${port}`,
    trusted: true,
    root,
    username: user,
    password,
    hostKeys: [hostKeys.ed25519],
    ...changed,
  };
}

const without = (spec: SftpSpec, ...members: (keyof SftpSpec)[]): SftpSpec =>
  Object.fromEntries(Object.entries(spec).filter(([name]) => !members.includes(name as keyof SftpSpec))) as unknown as SftpSpec;

let puts = 0;
/** Each is of another second, some while ago: SFTP tells times in whole seconds, and an edit that keeps size and time is not seen. */
function put(root: string, path: string, bytes: Buffer | string = "content", age = 50 - (puts++ % 40)): void {
  mkdirSync(path.includes("/") ? place(root, path.slice(0, path.lastIndexOf("/"))) : root, { recursive: true });
  writeFileSync(place(root, path), bytes);
  const time = Date.now() / 1000 - age;
  utimesSync(place(root, path), time, time);
}

const logins: [string, () => SftpSpec][] = [
  ["with a password", () => specOf(server, folderOn(server))],
  ["with a key", () => without(specOf(server, folderOn(server), { privateKey: server.keys.plain }), "password")],
  ["without extensions", () => specOf(plain, folderOn(plain))],
];
for (const [how, spec] of logins) {
  sourceContract(`SFTP ${how}`, async () => {
    const given = spec();
    return {
      source: await openSource(given),
      put: (path, bytes) => Promise.resolve(put(given.root, path, bytes)),
      remove: (path) => Promise.resolve(rmSync(place(given.root, path))),
      close: () => Promise.resolve(rmSync(given.root, { recursive: true })),
    };
  });
}

for (const [how, on] of [
  ["", () => server],
  [" without extensions", () => plain],
] as const) {
  destinationContract(
    `SFTP${how}`,
    async () => {
      const root = join(folderOn(on()), "made/by the check");
      return {
        destination: await openDestination(specOf(on(), root)),
        source: await openSource(specOf(on(), root)),
        read: (path) => Promise.resolve(readFileSync(place(root, path))),
        names: () => Promise.resolve(namesIn(Buffer.from(root))),
        close: () => Promise.resolve(),
      };
    },
    { keepsTime: 1000 },
  );
}

function namesIn(at: Buffer): string[] {
  return readdirSync(at, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isDirectory()) return [name];
    return [`${name}/`, ...namesIn(Buffer.concat([at, Buffer.from("/"), entry.name])).map((below) => `${name}/${below}`)];
  });
}

/** Passes connections on to a server, as long as it likes: `connections` at a time, and not a byte while it is `mute`. */
interface Gate {
  port: number;
  connections: number;
  mute: boolean;
  taken: number;
  close(): void;
}

async function gateTo({ host, port }: OpenSsh): Promise<Gate> {
  let open = 0;
  const listener: Server = createServer((near) => {
    if (open >= gate.connections) return void near.destroy();
    open++;
    gate.taken++;
    const far = connect(port, host);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from
        .setNoDelay()
        .on("data", (bytes: Buffer) => gate.mute || to.write(bytes))
        .on("error", () => {});
      from.on("close", () => to.destroy());
    }
    near.on("close", () => open--);
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const gate = {
    port: (listener.address() as AddressInfo).port,
    connections: 100,
    mute: false,
    taken: 0,
    close: () => void listener.close(),
  };
  return gate;
}

describe("An SFTP address", () => {
  const options = { roots: [], privateHosts: ["127.0.0.1:22", "127.0.0.1:2222"] };
  const hostKey = "SHA256:zsJCD0bo6vbEarZ6yCqJSZyS+S+tnCsy+TVuCHYQuwk";
  const parse = (input: string, access: object = {}) =>
    parseInput(input, { sftp: { username: "ann", password: "secret", ...access } }, options) as Promise<SftpSpec>;

  it.each([
    ["sftp://files.example.com/a/b/", "sftp://ann@files.example.com/a/b", "files.example.com:22", "/a/b"],
    ["sftp://files.example.com:22//a/./b/../c", "sftp://ann@files.example.com/a/c", "files.example.com:22", "/a/c"],
    ["SFTP://FILES.example.com:2222", "sftp://ann@files.example.com:2222/", "files.example.com:2222", "/"],
    ["sftp://files.example.com/~/a b", "sftp://ann@files.example.com/~/a%20b", "files.example.com:22", "a b"],
    ["sftp://files.example.com/~", "sftp://ann@files.example.com/~/", "files.example.com:22", ""],
    ["sftp://files.example.com/%7E/a", "sftp://ann@files.example.com/%7E/a", "files.example.com:22", "/~/a"],
    ["sftp://files.example.com/%E4%25FF", "sftp://ann@files.example.com/%E4%25FF", "files.example.com:22", "/%E4%25FF"],
    ["sftp://127.1:2222/x", "sftp://ann@127.0.0.1:2222/x", "127.0.0.1:2222", "/x"],
  ])("%s is one place in one spelling", async (input, uri, host, root) => {
    const spec = await parse(input, { hostKey });
    expect(spec).toMatchObject({ uri, host, root, hostKeys: [hostKey] });
    expect(spec.uri).not.toContain("secret");
  });

  it("takes fingerprints as ssh-keygen prints them", async () => {
    const other = hostKey.replace("zsJ", "abc");
    const { hostKeys } = await parse("sftp://files.example.com/", { hostKey: `256 ${hostKey} a@b (ED25519)\n3072 ${other} a@b (RSA)\n` });
    expect(hostKeys).toEqual([hostKey, other]);
  });

  it("names every fault", async () => {
    const wrong = parseInput("sftp:///folder%00", { sftp: { hostKey: "MD5:aa", privateKey: "nonsense" } }, options);
    await expect(wrong).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: ["/sftp/username", "/sftp/privateKey", "/sftp/hostKey", "/input", "/input"].map((pointer) =>
          expect.objectContaining({ pointer }),
        ),
      },
    });
    await expect(parseInput("sftp://h/", { sftp: { username: "ann" } }, options)).rejects.toMatchObject({
      data: { faults: [expect.objectContaining({ pointer: "/sftp/password" })] },
    });
  });

  it("opens a locked key at once, so that a wrong passphrase is known before a job is", async () => {
    const { locked } = server.keys;
    for (const passphrase of [undefined, "wrong"]) {
      await expect(parse("sftp://h.example/", { privateKey: locked, ...(passphrase && { passphrase }) })).rejects.toMatchObject({
        data: { faults: [expect.objectContaining({ pointer: "/sftp/passphrase" })] },
      });
    }
    await parse("sftp://h.example/", { privateKey: locked, passphrase: server.passphrase });
  });

  it("may not be a private one unless the operator allows it", async () => {
    for (const host of ["127.0.0.1:23", "[::1]", "localhost", "0x7f.1:23", "10.0.0.1"]) {
      await expect(parse(`sftp://${host}/`)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    }
  });
});

describe("The key of an SFTP server", () => {
  const check = async (changed: Partial<SftpSpec>) => {
    const source = await openSource(specOf(server, server.home, changed));
    try {
      await source.check();
    } finally {
      source.close();
    }
  };

  it("must be pinned; the refusal tells which it is", async () => {
    await expect(check({ hostKeys: [] })).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      message: expect.stringContaining(`${server.hostKeys.ed25519} (ssh-ed25519)`),
      data: { hostKeys: [server.hostKeys.ed25519] },
    });
  });

  it("must be the pinned one; the refusal names both", async () => {
    const refused = check({ hostKeys: [plain.hostKeys.ed25519] });
    await expect(refused).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    for (const key of [plain.hostKeys.ed25519, ...Object.values(server.hostKeys)]) {
      await expect(refused).rejects.toMatchObject({ message: expect.stringContaining(key) });
    }
  });

  it.each(["ed25519", "ecdsa", "rsa"] as const)("may be pinned by its %s key", async (type) => {
    await check({ hostKeys: [server.hostKeys[type]] });
    await check({ hostKeys: [plain.hostKeys.rsa, server.hostKeys[type]] });
  });
});

describe("Logging in to an SFTP server", () => {
  const check = async (spec: SftpSpec) => {
    const source = await openSource(spec);
    try {
      await source.check();
    } finally {
      source.close();
    }
  };

  it("works with every kind of key, a locked one and beside a wrong password", async () => {
    const { keys, passphrase, home } = server;
    await check(without(specOf(server, home, { privateKey: keys.rsa }), "password"));
    await check(without(specOf(server, home, { privateKey: keys.locked, passphrase }), "password"));
    await check(specOf(server, home, { privateKey: keys.plain, password: "wrong" }));
    await check(specOf(server, home, { privateKey: plain.keys.plain }));
  });

  it("is refused with a word on what the server takes", async () => {
    for (const changed of [{ password: "wrong" }, { username: "nobody-here" }, { privateKey: plain.keys.plain, password: "wrong" }]) {
      await expect(check(specOf(server, server.home, changed))).rejects.toMatchObject({
        type: "SOURCE_DENIED",
        retryable: false,
        message: expect.stringContaining("publickey, password"),
      });
    }
    await expect(check(specOf(plain, plain.home, { password: "wrong" }))).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      message: expect.stringContaining("keyboard-interactive"),
    });
  });

  it("fails where nobody listens, where something else does, and where no cipher is known to both", async () => {
    const web = createServer(
      (socket) =>
        void socket
          .resume()
          .on("error", () => {})
          .end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    );
    await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
    const { port } = web.address() as AddressInfo;
    const elsewhere = (to: number) => specOf(server, "/", { host: `127.0.0.1:${to}`, silence: 300 });
    await expect(check(elsewhere(port))).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    await new Promise((resolve) => web.close(resolve));
    await expect(check(elsewhere(port))).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      message: expect.stringContaining("ECONNREFUSED"),
    });

    const odd = await startOpenSsh({ config: ["Ciphers aes128-cbc"] });
    try {
      await expect(check(specOf(odd, "/"))).rejects.toMatchObject({
        type: "SOURCE_UNREACHABLE",
        message: expect.stringContaining("cipher"),
      });
    } finally {
      await odd.close();
    }
  });
});

describe("A folder on an SFTP server", () => {
  let root: string;
  let source: Source;
  let spec: SftpSpec;
  let gate: Gate;
  beforeAll(async () => {
    gate = await gateTo(server);
  });
  afterAll(() => gate.close());
  beforeEach(async () => {
    Object.assign(gate, { connections: 100, mute: false, taken: 0 });
    root = folderOn(server);
    spec = specOf(server, root, { host: `127.0.0.1:${gate.port}`, silence: 1000 });
    source = await openSource(spec);
  });
  afterEach(() => source.close());
  const paths = async () => (await listed(source)).map(({ path }) => path);
  const problems = async () => (await listed(source)).map(({ path, problem }) => [path, problem?.type, problem?.hides]);

  it("may be named from the account's own folder", async () => {
    put(root, "in/file");
    const own = await openSource({ ...spec, root: root.slice(server.home.length + 1) });
    await own.check();
    expect((await listed(own)).map(({ path }) => path)).toEqual(["in/file"]);
    expect((await drained(await own.open("in/file"))).toString()).toBe("content");
    own.close();
  });

  it("has names of any bytes", async () => {
    const names = [Buffer.from([0x61, 0xff, 0x2f, 0xe4]), Buffer.from("%FF"), Buffer.from("é"), Buffer.from([0xe9])];
    mkdirSync(Buffer.concat([Buffer.from(`${root}/`), names[0]!.subarray(0, 2)]));
    for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), name);
    const found = await paths();
    expect(found).toEqual(["%25FF", "%E9", "a%FF/%E4", "é"]);
    for (const [i, path] of ["a%FF/%E4", "%25FF", "é", "%E9"].entries()) {
      expect((await drained(await source.open(path))).equals(names[i]!)).toBe(true);
    }
  });

  it("goes on after any path", async () => {
    for (const path of ["a", "a-b/c", "a/b", "a/c/d", "a/c/e", "a0", "b/c/d/e", "z"]) put(root, path.replace(/^a\//, "A/"), path);
    const all = await paths();
    for (const [i, path] of all.entries()) {
      const rest: string[] = [];
      for await (const page of source.list(undefined, path)) rest.push(...page.map((entry) => entry.path));
      expect(rest).toEqual(all.slice(i + 1));
    }
  });

  it("never shows what is being written", async () => {
    put(root, `in/${partName()}`);
    put(root, "in/.legendo-x.part");
    expect(await paths()).toEqual(["in/.legendo-x.part"]);
  });

  it("follows links inside it, one at most on the way to any file, and reports the others", async () => {
    const outside = folderOn(server);
    put(outside, "file", "secret");
    put(root, "real/file");
    const links = {
      "folder-link": "real",
      "real/loop": "..",
      nowhere: "missing",
      "out-file": join(outside, "file"),
      "out-folder": outside,
      "file-link": "real/file",
      circle: "circle",
      "second/again": "../folder-link",
      "far/near": "../second",
    };
    for (const [link, to] of Object.entries(links)) {
      mkdirSync(join(root, link, ".."), { recursive: true });
      symlinkSync(to, join(root, link));
    }
    expect(await problems()).toEqual([
      ["circle", "SOURCE_MISSING", undefined],
      ["far/near/again/", "SOURCE_ITEM_UNSUPPORTED", undefined],
      ["file-link", undefined, undefined],
      ["folder-link/file", undefined, undefined],
      ["folder-link/loop/", "SOURCE_ITEM_UNSUPPORTED", undefined],
      ["nowhere", "SOURCE_MISSING", undefined],
      ["out-file", "SOURCE_NOT_ALLOWED", undefined],
      ["out-folder/", "SOURCE_NOT_ALLOWED", undefined],
      ["real/file", undefined, undefined],
      ["real/loop/", "SOURCE_ITEM_UNSUPPORTED", undefined],
      ["second/again/file", undefined, undefined],
      ["second/again/loop/", "SOURCE_ITEM_UNSUPPORTED", undefined],
    ]);
    expect((await drained(await source.open("folder-link/file"))).toString()).toBe("content");
    await expect(source.open("out-file")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(source.open("out-folder/file")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(source.open("real")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("is not left through a link that took a folder's place after the listing", async () => {
    const outside = folderOn(server);
    put(outside, "file", "secret");
    put(root, "folder/file");
    expect(await problems()).toEqual([["folder/file", undefined, undefined]]);
    rmSync(join(root, "folder"), { recursive: true });
    symlinkSync(outside, join(root, "folder"));
    await expect(source.open("folder/file")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(source.open(`../${outside.split("/").at(-1)}/file`)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
  });

  it("reports a folder and a file that the account may not read, and lists the rest", async () => {
    put(root, "closed/file");
    put(root, "locked");
    put(root, "readable");
    chmodSync(join(root, "closed"), 0);
    chmodSync(join(root, "locked"), 0);
    expect(await problems()).toEqual([
      ["closed/", "SOURCE_DENIED", "closed/"],
      ["locked", undefined, undefined],
      ["readable", undefined, undefined],
    ]);
    for (const path of ["locked", "closed/file"]) {
      await expect(source.open(path)).rejects.toMatchObject({ type: "SOURCE_DENIED", message: expect.stringContaining(path) });
    }
    chmodSync(root, 0);
    await expect(source.check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    await expect(listed(source)).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    rmSync(root, { recursive: true });
    await expect(source.check()).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    await expect(listed(source)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
  });

  it("reports paths too long for the catalogue", async () => {
    const long = ["a", ...Array.from({ length: 8 }, () => "n".repeat(250)), "file"].join("/");
    put(root, long);
    put(root, "b");
    expect(await problems()).toEqual([
      [`${long.slice(0, -4)}`, "SOURCE_ITEM_UNSUPPORTED", undefined],
      ["b", undefined, undefined],
    ]);
  });

  it("has no file that holds more than it says", async () => {
    const system = await openSource({ ...spec, root: "/proc/sys/kernel" });
    const opened = await system.open("ostype");
    expect(await opened.read(Buffer.alloc(100))).toBe(0);
    expect(() => opened.verify()).toThrow(expect.objectContaining({ type: "SOURCE_CHANGED" }));
    opened.close();
    system.close();
  });

  it("shows a fetch of a file that was just written as one to be repeated", async () => {
    put(root, "fresh", "x", 0);
    const [entry] = await listed(source);
    const opened = await source.open("fresh");
    opened.close();
    expect(opened.fingerprint).toBe(`${entry!.fingerprint}~`);
    const moveTag = (...given: [string, string]) => kindOf(spec).moveTag(...given);
    expect(moveTag(entry!.fingerprint, "in/fresh")).toBe(moveTag(entry!.fingerprint, "elsewhere/fresh"));
    expect(moveTag(entry!.fingerprint, "in/fresh")).not.toBe(moveTag(entry!.fingerprint, "in/other"));
    expect(moveTag(opened.fingerprint, "in/fresh")).toBeNull();
    put(root, "fresh", "");
    expect(moveTag((await listed(source))[0]!.fingerprint, "in/fresh")).toBeNull();
  });

  describe("with a large file", () => {
    const size = 24 * 2 ** 20 + 12_345;
    const bytes = randomBytes(size);
    beforeEach(() => put(root, "large", bytes));
    const into = Buffer.alloc(1_000_003);
    const readSome = async (opened: Awaited<ReturnType<Source["open"]>>, times = 3) => {
      const parts: Buffer[] = [];
      for (let i = 0; i < times; i++) parts.push(Buffer.from(into.subarray(0, await opened.read(into))));
      return Buffer.concat(parts);
    };

    it("reads it whole, and from any byte", async () => {
      for (const from of [0, 1, 65_535, 65_536, 8 * 2 ** 20, size - 1, size]) {
        const opened = await source.open("large", undefined, from);
        expect(opened.size).toBe(size);
        expect((await drained(opened, 1_000_003)).equals(bytes.subarray(from))).toBe(true);
      }
    });

    it("can leave off in the middle", async () => {
      const opened = await source.open("large", undefined, 1000);
      expect((await readSome(opened)).equals(bytes.subarray(1000, 1000 + 3 * into.length))).toBe(true);
      await opened.verify();
      opened.close();
    });

    it("goes on where it stood when its connection is killed", async () => {
      const opened = await source.open("large");
      const first = await readSome(opened);
      server.signal("SIGKILL");
      const second = await readSome(opened);
      server.signal("SIGKILL");
      const rest = await drained(opened, 1_000_003);
      expect(Buffer.concat([first, second, rest]).equals(bytes)).toBe(true);
      expect(gate.taken).toBe(3);
    });

    it("does not go on with a file that was replaced meanwhile", async () => {
      const opened = await source.open("large");
      await readSome(opened);
      server.signal("SIGKILL");
      put(root, "large", randomBytes(size));
      await expect(drained(opened, 1_000_003)).rejects.toMatchObject({ type: "SOURCE_CHANGED", retryable: true });
    });

    it("notices that it changes while it is read", async () => {
      const changes: (() => void)[] = [
        () => utimesSync(join(root, "large"), 1, 1),
        () => appendFileSync(join(root, "large"), "more"),
        () => truncateSync(join(root, "large"), 4 * 2 ** 20),
      ];
      for (const change of changes) {
        const opened = await source.open("large");
        await readSome(opened);
        change();
        while (await opened.read(into));
        await expect((async () => opened.verify())()).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
        opened.close();
      }
    });

    it("fails when the server says nothing for too long", async () => {
      const opened = await source.open("large");
      gate.mute = true;
      gate.connections = 0;
      await expect(drained(opened, 1_000_003)).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    });

    it("stops when it is told to, also while nothing comes", async () => {
      await source.check();
      const abort = new AbortController();
      const opened = await source.open("large", abort.signal);
      gate.mute = true;
      const waiting = [
        drained(opened, 1_000_003),
        source.open("large", abort.signal),
        listed(source, abort.signal),
        source.check(abort.signal),
      ];
      setTimeout(() => abort.abort(new Error("enough")), 20);
      for (const work of waiting) await expect(work).rejects.toThrow("enough");
    });
  });

  it("is listed to its end when its connection is killed", async () => {
    for (let i = 0; i < 60; i++) for (let j = 0; j < 50; j++) put(root, `${i}/${j}/file`);
    const expected = await paths();
    const found: string[] = [];
    for await (const page of source.list()) {
      found.push(...page.map(({ path }) => path));
      server.signal("SIGKILL");
    }
    expect(expected).toHaveLength(3000);
    expect(found).toEqual(expected);
  });

  it("is read over as many connections as the server grants", async () => {
    const files = Array.from({ length: 300 }, (_, i) => `file-${i}`);
    for (const path of files) put(root, path, path.repeat(1000));
    const readAll = async () => {
      const queue = files.values();
      const worker = async () => {
        for (const path of queue) expect((await drained(await source.open(path), 100_000)).toString()).toBe(path.repeat(1000));
      };
      await Promise.all(Array.from({ length: source.parallel }, worker));
    };
    gate.connections = 1;
    await readAll();
    expect(gate.taken).toBe(1);
    source.close();
    source = await openSource(spec);
    Object.assign(gate, { connections: 100, taken: 0 });
    await readAll();
    expect(gate.taken).toBe(2);
  });

  it("is reached after a server that was too busy for more", async () => {
    gate.connections = 0;
    setTimeout(() => (gate.connections = 100), 300);
    await source.check();
  });
});

describe("A folder on an SFTP server that is written to", () => {
  let root: string;
  let spec: SftpSpec;
  let destination: Destination;
  beforeEach(async () => {
    root = folderOn(server);
    spec = specOf(server, root);
    destination = await openDestination(spec);
  });
  afterEach(() => destination.close());

  // eslint-disable-next-line @typescript-eslint/require-await
  async function* pieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  const write = (path: string, content: Buffer | string, changed: Partial<Writing> = {}, to = destination) => {
    const bytes = Buffer.from(content);
    return to.write({ path, size: bytes.length, modifiedAt: 1_600_000_000_999, bytes: pieces(bytes), ...changed });
  };

  it("loses the parts of killed writers a day later, and keeps those of living ones", async () => {
    const [old, deep, young] = [partName(), `in/deep/${partName()}`, `in/${partName()}`];
    for (const [path, age] of [
      [old, 90_000],
      [deep, 90_000],
      [young, 80_000],
      ["in/.legendo-mine.part", 90_000],
    ] as const)
      put(root, path, "x", age);
    server.give(root);
    await destination.check();
    expect(
      namesIn(Buffer.from(root))
        .filter((path) => !path.endsWith("/"))
        .sort(),
    ).toEqual([young, "in/.legendo-mine.part"].sort());
  });

  it("keeps what was there when the connection is killed half-way, and takes the next writer", async () => {
    await write("file", "as it was");
    async function* killed(): AsyncGenerator<Uint8Array> {
      for await (const piece of pieces(randomBytes(4 * 2 ** 20))) yield piece;
      server.signal("SIGKILL");
      for await (const piece of pieces(randomBytes(4 * 2 ** 20))) yield piece;
    }
    await expect(write("file", "", { size: 8 * 2 ** 20, bytes: killed() })).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      retryable: true,
    });
    expect(readFileSync(join(root, "file"), "utf8")).toBe("as it was");
    await write("file", "the next");
    expect(readFileSync(join(root, "file"), "utf8")).toBe("the next");
  });

  it("keeps times to the second, and those that SFTP has no number for as now", async () => {
    const source = await openSource(spec);
    const times: [number, number][] = [
      [1_600_000_000_999, 1_600_000_000_000],
      [0, 0],
      [4_294_967_295_000, 4_294_967_295_000],
    ];
    for (const [given, kept] of times) {
      const { fingerprint } = await write("file", "x", { modifiedAt: given });
      expect(await listed(source)).toEqual([{ path: "file", size: 1, modifiedAt: kept, fingerprint }]);
    }
    for (const given of [-1, 4_294_967_296_000]) {
      const { fingerprint } = await write("file", "x", { modifiedAt: given });
      const [entry] = await listed(source);
      expect(entry!.fingerprint).toBe(fingerprint);
      expect(Math.abs(Date.now() - entry!.modifiedAt!)).toBeLessThan(60_000);
    }
    source.close();
  });

  it("says that it is full, and leaves nothing of what did not fit", async () => {
    const small = await openDestination({ ...spec, root: join(server.home, "small") });
    const source = await openSource({ ...spec, root: join(server.home, "small") });
    await small.check();
    await write("fits", randomBytes(500_000), {}, small);
    await expect(write("in/too large", randomBytes(900_000), {}, small)).rejects.toMatchObject({ type: "SOURCE_FULL", retryable: true });
    await write("fits too", randomBytes(500_000), {}, small);
    expect((await listed(source)).map(({ path }) => path)).toEqual(["fits", "fits too"]);
    small.close();
    source.close();
  });

  it("puts no file in the place of a folder, and no folder in that of a file", async () => {
    await write("folder/file", "x");
    for (const path of ["folder", "folder/file/below"]) {
      await expect(write(path, "y")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED", retryable: false });
    }
    await destination.remove("folder");
    expect(namesIn(Buffer.from(root))).toEqual(["folder/", "folder/file"]);
    await expect(write("n".repeat(300), "x")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("is not left through a link", async () => {
    const outside = folderOn(server);
    put(outside, "file", "theirs");
    symlinkSync(outside, join(root, "out"));
    await expect(write("out/new", "x")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(destination.remove("out/file")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(readdirSync(outside)).toEqual(["file"]);
  });

  it("is refused where the account may not write, and is not made anew when it is gone", async () => {
    chmodSync(root, 0o555);
    for (const work of [destination.check(), write("file", "x")])
      await expect(work).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    chmodSync(root, 0o755);
    await destination.check();
    renameSync(root, `${root}-away`);
    const late = await openDestination(specOf(server, join(root, "in")));
    for (const to of [destination, late]) {
      await expect(write("in/file", "x", {}, to)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    }
    late.close();
  });
});
