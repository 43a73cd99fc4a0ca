import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
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
  /** Longest silence, milliseconds; 300 when unset. A server that takes its time to greet needs more. */
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
    silence: 1_500,
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
const broken = expect.objectContaining({ type: "SOURCE_UNREACHABLE", retryable: true });
/** What giving up may take at most, milliseconds: some tries with pauses between them. */
const patience = 40_000;

describe.each(places)("A source over a bad connection: %s", (_, open) => {
  let place: Place;
  let way: FaultyWay;
  let source: Source;
  const reached = (silence = place.silence ?? 300) => openSource({ ...place.spec(way.host, way.port), silence });
  beforeAll(async () => {
    place = await open();
    for (const [path, bytes] of files) await place.put(path, bytes);
    way = await faultyWayTo("127.0.0.1", place.port);
  });
  beforeEach(async () => {
    source?.close();
    way.faults = {};
    way.struck = 0;
    source = await reached();
  });
  afterAll(async () => {
    source.close();
    await way.close();
    await place.close();
  });
  const paths = [...files.keys()].sort(comparePaths);
  const read = async (path: string, from = 0) => drained(await source.open(path, undefined, from), 65_536);
  const list = async () => (await listed(source)).map(({ path, problem }) => (problem ? `${path}: ${problem.type}` : path));
  /** What a thing comes to: its value, or the error. */
  const outcome = async <T>(work: () => Promise<T>): Promise<T | Error> => work().catch((error: unknown) => error as Error);

  it("lists and reads as ever when every packet takes 20 ms", async () => {
    way.faults = { latency: 20 };
    const far = await reached(5_000);
    expect((await listed(far)).map(({ path }) => path)).toEqual(paths);
    for (const [path, bytes] of files) expect((await drained(await far.open(path), 65_536)).equals(bytes)).toBe(true);
    far.close();
  });

  it("reads a large file although it takes longer than the longest silence", async () => {
    way.faults = { bandwidth: 800_000 };
    const slow = await reached(1_500);
    const begin = Date.now();
    expect((await drained(await slow.open(large), 65_536)).equals(files.get(large)!)).toBe(true);
    expect(Date.now() - begin).toBeGreaterThan(2_000);
    slow.close();
  });

  const strikes: [string, (after: number) => Faults][] = [
    ["is reset", (after) => ({ resetAfter: after })],
    ["ends", (after) => ({ truncateAfter: after })],
    ["falls silent", (after) => ({ silentAfter: after })],
  ];
  describe.each(strikes)("that %s", (_name, fault) => {
    it.each([0, 150, 3_000, 999_999, 1_999_000])(
      "after %i bytes, once, gives the right bytes or none",
      async (after) => {
        way.faults = { ...fault(after), times: 1 };
        const came = await outcome(() => read(large));
        if (came instanceof Error) expect(came).toEqual(broken);
        else expect(came.equals(files.get(large)!)).toBe(true);
        expect(way.struck).toBeLessThanOrEqual(1);
        expect((await read(large, 1_000_000)).equals(files.get(large)!.subarray(1_000_000))).toBe(true);
      },
      patience,
    );

    it.each([0, 200, 900])(
      "after %i bytes, once, gives the whole listing or none",
      async (after) => {
        way.faults = { ...fault(after), times: 1 };
        const came = await outcome(list);
        expect(came).toEqual(came instanceof Error ? broken : paths);
        expect(await list()).toEqual(paths);
      },
      patience,
    );

    it.each([0, 600_000])(
      "after %i bytes, every time, gives the right bytes or is given up, and is used again when it is mended",
      async (after) => {
        way.faults = fault(after);
        const came = await outcome(() => read(large));
        // Some go on by as much each time, and so arrive.
        if (came instanceof Error) expect(came).toEqual(broken);
        else expect(came.equals(files.get(large)!) && after > 0).toBe(true);
        if (!after) await expect(list()).rejects.toEqual(broken);
        expect(way.struck).toBeGreaterThan(0);
        way.faults = {};
        expect((await read(large)).equals(files.get(large)!)).toBe(true);
        expect(await list()).toEqual(paths);
      },
      patience,
    );
  });

  it("whose server is gone is said to be unreachable", async () => {
    const nowhere = await faultyWayTo("127.0.0.1", place.port);
    await nowhere.close();
    const lost = await openSource(place.spec(nowhere.host, nowhere.port));
    await expect(lost.check()).rejects.toEqual(broken);
    lost.close();
  });
});
