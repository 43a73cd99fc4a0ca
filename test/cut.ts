import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A way to a server that can be cut: what runs through it loses its connections and finds nobody until it is mended. */
export interface Way {
  /** "127.0.0.1:port" */
  host: string;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function wayTo(host: string, port: number): Promise<Way> {
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(port, host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const destroy = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      whole = false;
      destroy();
    },
    mend() {
      whole = true;
    },
    close() {
      destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
