import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import { connect as connectH2 } from "node:http2";
import { get as getTls } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, describe, expect, it } from "@jest/globals";
import { connectionOf, type EdgeRequest } from "./exchange.ts";
import { pace } from "./pace.ts";
import { startServer, type EdgeServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "edge-tls-"));
const certFile = join(folder, "cert.pem");
const keyFile = join(folder, "key.pem");
const hasOpenssl = (() => {
  try {
    const subject = ["-subj", "/CN=localhost", "-days", "2"];
    execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", keyFile, "-out", certFile, ...subject], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
})();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const local = { host: "127.0.0.1", port: 0 };
const insecure = { rejectUnauthorized: false };

describe("the server without a certificate", () => {
  it("takes a free port, and stops within its grace although a response never ends", async () => {
    const server = await startServer(local, (_req, res) => void res.write("open"));
    const response = await new Promise<IncomingMessage>((resolve) => get(server.url, resolve));
    const begin = performance.now();
    const closed = new Promise((resolve) => response.on("error", () => {}).on("close", resolve));
    response.resume();
    await server.stop(300);
    expect(performance.now() - begin).toBeLessThan(1_000);
    await closed;
  });

  it("lets a running request end when it stops", async () => {
    const server = await startServer(local, (_req, res) => void setTimeout(() => res.end("done"), 200));
    const answer = fetch(server.url).then((response) => response.text());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.stop(3_000);
    expect(await answer).toBe("done");
  });

  it("refuses a port that is taken, and half a certificate", async () => {
    const server = await startServer(local, (_req, res) => res.end());
    await expect(startServer({ host: "127.0.0.1", port: Number(new URL(server.url).port) }, () => {})).rejects.toMatchObject({
      code: "EADDRINUSE",
    });
    await expect(startServer({ ...local, certFile }, () => {})).rejects.toThrow("belong together");
    await server.stop(100);
  });
});

describe("new connections", () => {
  const socketTo = (server: Pick<EdgeServer, "url">) => {
    const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
    return new Promise<Socket>((resolve) => socket.once("connect", () => resolve(socket)));
  };

  it("are let in by and by when a crowd speaks at the same moment, and all are answered", async () => {
    const people = 60;
    let turn = 0;
    const perTurn = new Map<number, number>();
    const server = createServer((_req, res) => {
      perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
      res.end("hello");
    });
    pace(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const crowd = await Promise.all(Array.from({ length: people }, () => socketTo({ url })));
    // Otherwise they would be accepted one by one, each with what it sent.
    const accepted = () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count)));
    while ((await accepted()) < people) await new Promise((resolve) => setTimeout(resolve, 5));
    let counting = true;
    const count = () => {
      turn++;
      if (counting) setImmediate(count);
    };
    count();
    const answers = crowd.map(async (socket) => {
      let text = "";
      for await (const part of socket.setEncoding("utf8")) text += String(part);
      return text;
    });
    for (const socket of crowd) socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for (const text of await Promise.all(answers)) expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*hello/);
    counting = false;
    // The turns counted here begin somewhere in those of the server.
    expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(4);
    expect([...perTurn.values()].reduce((sum, each) => sum + each)).toBe(people);
    await new Promise((resolve) => server.close(resolve));
  });

  it("that say nothing are cut after a while, at once when the server stops, and those that leave are forgotten", async () => {
    const impatient = createServer((_req, res) => res.end());
    pace(impatient, 50);
    await new Promise<void>((resolve) => impatient.listen(0, "127.0.0.1", resolve));
    const { port } = impatient.address() as AddressInfo;
    const mute = connect(port, "127.0.0.1");
    await new Promise((resolve) => mute.once("close", resolve));
    await new Promise((resolve) => impatient.close(resolve));

    const server = await startServer(local, (_req, res) => res.end());
    (await socketTo(server)).resetAndDestroy();
    const silent = await socketTo(server);
    const closed = new Promise((resolve) => silent.once("close", resolve));
    expect((await fetch(server.url)).status).toBe(200);
    await server.stop(60_000);
    await closed;
  });

  it("may send their request in pieces", async () => {
    const server = await startServer(local, (req, res) => void req.on("data", () => {}).on("end", () => res.end(req.method)));
    const socket = await socketTo(server);
    const answer = new Promise<string>((resolve) => socket.setEncoding("utf8").once("data", resolve));
    for (const piece of ["PO", "ST / HTTP/1.1\r\nHost: a\r\nContent-Le", "ngth: 4\r\n\r\nab", "cd"]) {
      socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await answer).toMatch(/POST$/m);
    socket.destroy();
    await server.stop(100);
  });
});

(hasOpenssl ? describe : describe.skip)("the server with a certificate", () => {
  it("speaks HTTP/2 and HTTP/1.1 on one port, TLS 1.3 and nothing older, and announces its limits", async () => {
    const server = await startServer({ ...local, certFile, keyFile }, (req, res) => res.end(req.httpVersion));
    expect(server.url).toMatch(/^https:/);

    const h2 = connectH2(server.url, insecure);
    const settings = await new Promise<{ maxConcurrentStreams?: number }>((resolve) => h2.once("remoteSettings", resolve));
    expect(settings.maxConcurrentStreams).toBe(128);
    const text = await new Promise<string>((resolve) => {
      let received = "";
      h2.request({ ":path": "/" })
        .on("data", (data: Buffer) => (received += data.toString()))
        .on("end", () => resolve(received));
    });
    expect(text).toBe("2.0");

    const h1 = await new Promise<IncomingMessage>((resolve) => getTls(server.url, insecure, resolve));
    expect(h1.httpVersion).toBe("1.1");
    h1.resume();

    const old = new Promise((_resolve, reject) => {
      connectTls({ port: Number(new URL(server.url).port), host: "127.0.0.1", maxVersion: "TLSv1.2", ...insecure }).on("error", reject);
    });
    await expect(old).rejects.toThrow();

    const begin = performance.now();
    await server.stop(500);
    expect(performance.now() - begin).toBeLessThan(1_500);
    h2.destroy();
  });

  it("knows the connection of an HTTP/2 request, whose socket is another object each time", async () => {
    const came: EdgeRequest[] = [];
    const connections: object[] = [];
    const server = await startServer({ ...local, certFile, keyFile }, (req, res) => {
      came.push(req as EdgeRequest);
      connections.push(connectionOf(req));
      res.end();
    });
    const clients = [connectH2(server.url, insecure), connectH2(server.url, insecure)];
    for (const client of [clients[0]!, clients[0]!, clients[1]!])
      await new Promise<void>((resolve) => client.request({ ":path": "/" }).on("end", resolve).resume());
    expect(came[0]!.socket).not.toBe(came[1]!.socket);
    expect(connections[0]).toBe(connections[1]);
    expect(connections[0]).not.toBe(connections[2]);
    for (const client of clients) client.destroy();
    await server.stop(500);
  });
});
