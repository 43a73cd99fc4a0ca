import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** A proxy that knows CONNECT and nothing else. */
export interface ConnectProxy {
  /** http://user:password@host:port */
  url: string;
  /** "host:port" of every tunnel that was asked for with the right password, in order. */
  asked: string[];
  close(): Promise<void>;
}

/**
 * @param leadsTo where a tunnel to "host:port" really ends; refused with 403 when it says nothing
 */
export async function startProxy(leadsTo: (place: string) => string | undefined): Promise<ConnectProxy> {
  const authorization = `Basic ${Buffer.from("user:pass word").toString("base64")}`;
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((_, response) => void response.writeHead(405).end());
  server.on("connect", ({ url: place = "", headers }, near: Socket) => {
    near.on("error", () => {});
    const refuse = (status: string) => near.end(`HTTP/1.1 ${status}\r\n\r\n`);
    if (headers["proxy-authorization"] !== authorization) return refuse("407 Proxy Authentication Required");
    asked.push(place);
    const end = leadsTo(place)?.split(":");
    if (!end) return refuse("403 Forbidden");
    const far = connect(Number(end[1]), end[0]);
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.on("close", () => far.destroy());
    sockets.add(near).add(far);
    near.write("HTTP/1.1 200 OK\r\n\r\n");
    near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://user:pass%20word@127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
