import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { faultyWayTo, type Faults, type FaultyWay } from "../../../test/faults.ts";
import { startS3 } from "../../../test/s3/double.ts";
import { startNginx, type NginxWay } from "../../../test/servers/nginx.ts";
import { startOpenSsh } from "../../../test/servers/openssh.ts";
import { drained, listed } from "./contract.ts";
import type { HttpSpec } from "./http/access.ts";
import { openSource } from "./kinds.ts";
import { comparePaths } from "./order.ts";
import type { S3Spec } from "./s3/place.ts";
import type { SftpSpec } from "./sftp/spec.ts";
import type { Source, Spec } from "./source.ts";

/** A server that a source reads from, with files put there beforehand. */
interface Place {
  port: number;
  /** Longest silence, milliseconds; 500 when unset. A server that takes its time to greet needs more. */
  silence?: number;
  put(path: string, bytes: Buffer): Promise<void>;
  /** Of its files, reached by another host and port. */
  spec(host: string, port: number): Spec;
  close(): Promise<void>;
}

// A kind of source is added here, by one line.
const places: [name: string, open: () => Promise<Place>][] = [
  ["S3", bucketPlace],
  ["WebDAV", () => webPlace("dav")],
  ["HTML index", () => webPlace("html")],
  ["SFTP", sshPlace],
];

async function bucketPlace(): Promise<Place> {
  const s3 = await startS3({ buckets: ["bucket"] });
  const { accessKeyId, secretAccessKey } = s3;
  const spec = (host: string, port: number): S3Spec => {
    const place = { bucket: "bucket", prefix: "", region: "us-east-1", endpoint: `http://${host}:${port}` };
    return {
      kind: "s3",
      uri: "s3://bucket/",
      host: `${host}:${port}`,
      trusted: true,
      ...place,
      credentials: { accessKeyId, secretAccessKey },
    };
  };
  return {
    port: Number(new URL(s3.endpoint).port),
    put: (path, bytes) => Promise.resolve(s3.put("bucket", path, bytes)),
    spec,
    close: () => s3.close(),
  };
}

async function webPlace(way: NginxWay): Promise<Place> {
  const nginx = await startNginx();
  return {
    port: Number(new URL(`http://${nginx.plain}`).port),
    put: async (path, bytes) => {
      await mkdir(dirname(join(nginx.root, path)), { recursive: true });
      await writeFile(join(nginx.root, path), bytes);
    },
    spec: (host, port): HttpSpec => {
      const url = `http://${host}:${port}/${way}/`;
      return { kind: "http", uri: url, host: `${host}:${port}`, trusted: true, url, listing: "auto", headers: {}, hosts: [] };
    },
    close: () => nginx.close(),
  };
}

async function sshPlace(): Promise<Place> {
  const ssh = await startOpenSsh();
  const root = join(ssh.home, "place");
  return {
    port: ssh.port,
    // All cases of a claim shake hands at once, which takes its time where the cores are busy.
    silence: 4_000,
    put: async (path, bytes) => {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), bytes);
      ssh.give(root);
    },
    spec: (host, port): SftpSpec => {
      const login = { username: ssh.user, password: ssh.password, hostKeys: [ssh.hostKeys.ed25519] };
      return { kind: "sftp", uri: `sftp://${host}:${port}${root}`, host: `${host}:${port}`, trusted: true, root, ...login };
    },
    close: () => ssh.close(),
  };
}

const files = new Map([0, 1, 1000, 100_000, 2_000_000].map((size) => [`folder ${size % 3}/${size}`, randomBytes(size)] as const));
const large = [...files.keys()].at(-1)!;
const paths = [...files.keys()].sort(comparePaths);
const broken = expect.objectContaining({ type: "SOURCE_UNREACHABLE", retryable: true });
/** What giving up may take at most, milliseconds: some tries with pauses between them, for all the cases of a claim at once. */
const patience = 120_000;

/** A source and the way to it that is its own. */
interface Line {
  way: FaultyWay;
  read: (path: string, from?: number) => Promise<Buffer>;
  list: () => Promise<string[]>;
}
/** What a thing comes to: its value, or the error. */
const outcome = async <T>(work: () => Promise<T>): Promise<T | Error> => work().catch((error: unknown) => error as Error);

describe.each(places)("A source over a bad connection: %s", (_, open) => {
  let place: Place;
  beforeAll(async () => {
    place = await open();
    for (const [path, bytes] of files) await place.put(path, bytes);
  });
  afterAll(() => place.close());

  async function over<T>(work: (line: Line) => Promise<T>, silence = place.silence ?? 500): Promise<T> {
    const way = await faultyWayTo("127.0.0.1", place.port);
    let source: Source | undefined;
    try {
      const opened = await openSource({ ...place.spec(way.host, way.port), silence });
      source = opened;
      return await work({
        way,
        read: async (path, from = 0) => drained(await opened.open(path, undefined, from), 65_536),
        list: async () => (await listed(opened)).map(({ path, problem }) => (problem ? `${path}: ${problem.type}` : path)),
      });
    } finally {
      source?.close();
      await way.close();
    }
  }
  /** Most of the time is spent waiting: the cases wait together. */
  const together = <C>(cases: C[], work: (line: Line, one: C) => Promise<void>) =>
    Promise.all(cases.map((one) => over((line) => work(line, one))));

  it("lists and reads as ever when every packet takes 20 ms", () =>
    over(async ({ way, read, list }) => {
      way.faults = { latency: 20 };
      expect(await list()).toEqual(paths);
      for (const [path, bytes] of files) expect((await read(path)).equals(bytes)).toBe(true);
    }, 5_000));

  it("reads a large file although it takes longer than the longest silence", () =>
    over(async ({ way, read }) => {
      way.faults = { bandwidth: 800_000 };
      const begin = Date.now();
      expect((await read(large)).equals(files.get(large)!)).toBe(true);
      expect(Date.now() - begin).toBeGreaterThan(2_000);
    }, 1_500));

  const strikes: [string, (after: number) => Faults][] = [
    ["reset", (after) => ({ resetAfter: after })],
    ["ended", (after) => ({ truncateAfter: after })],
    ["silent", (after) => ({ silentAfter: after })],
  ];
  /** Does something over a line of its own for each way to be struck, after each number of bytes. */
  const struck = (afters: number[], work: (line: Line, faults: Faults, name: string, after: number) => Promise<void>) =>
    together(
      strikes.flatMap(([name, fault]) => afters.map((after) => ({ name: `${name} after ${after} bytes`, faults: fault(after), after }))),
      (line, { name, faults, after }) => work(line, faults, name, after),
    );

  it(
    "that is reset, ends or falls silent once, early or late in a file, gives the right bytes or none",
    () =>
      struck([0, 150, 3_000, 999_999, 1_999_000], async ({ way, read }, faults, name) => {
        way.faults = { ...faults, times: 1 };
        const came = await outcome(() => read(large));
        if (came instanceof Error) expect({ name, came }).toEqual({ name, came: broken });
        else expect({ name, same: came.equals(files.get(large)!) }).toEqual({ name, same: true });
        expect(way.struck).toBeLessThanOrEqual(1);
        way.faults = {};
        expect({ name, same: (await read(large, 1_000_000)).equals(files.get(large)!.subarray(1_000_000)) }).toEqual({ name, same: true });
      }),
    patience,
  );

  it(
    "that is reset, ends or falls silent once, early or late in a listing, gives the whole listing or none",
    () =>
      struck([0, 200, 900], async ({ way, list }, faults, name) => {
        way.faults = { ...faults, times: 1 };
        const came = await outcome(list);
        expect({ name, came }).toEqual({ name, came: came instanceof Error ? broken : paths });
        way.faults = {};
        expect({ name, listed: await list() }).toEqual({ name, listed: paths });
      }),
    patience,
  );

  it(
    "that is reset, ends or falls silent every time, gives the right bytes or is given up, and is used again when it is mended",
    () =>
      struck([0, 600_000], async ({ way, read, list }, faults, name, after) => {
        way.faults = faults;
        const came = await outcome(() => read(large));
        // Some go on by as much each time, and so arrive.
        if (came instanceof Error) expect({ name, came }).toEqual({ name, came: broken });
        else expect({ name, same: came.equals(files.get(large)!) && after > 0 }).toEqual({ name, same: true });
        if (!after) expect({ name, came: await outcome(list) }).toEqual({ name, came: broken });
        expect(way.struck).toBeGreaterThan(0);
        way.faults = {};
        expect({ name, same: (await read(large)).equals(files.get(large)!) }).toEqual({ name, same: true });
        expect({ name, listed: await list() }).toEqual({ name, listed: paths });
      }),
    patience,
  );

  it("whose server is gone is said to be unreachable", async () => {
    const nowhere = await faultyWayTo("127.0.0.1", place.port);
    await nowhere.close();
    const lost = await openSource(place.spec(nowhere.host, nowhere.port));
    await expect(lost.check()).rejects.toEqual(broken);
    lost.close();
  });
});
