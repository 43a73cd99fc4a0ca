import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { connect as connectH2 } from "node:http2";
import { get as getTls } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, describe, expect, it } from "@jest/globals";
import { startServer } from "./server.ts";

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
});
