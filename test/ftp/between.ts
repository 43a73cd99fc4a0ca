import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface Meddling {
  /** What the client is told to a command instead of the server hearing it; undefined lets it through. */
  answer?: (command: string) => string | undefined;
  /** What is sent behind what the server says. */
  after?: (reply: string) => string | undefined;
  /** Only the first command of those that come in one piece is passed on. */
  oneAtATime?: boolean;
}

/** A way to an FTP server's control connection on which somebody meddles; data goes past it. */
export interface Between {
  /** "127.0.0.1:port" */
  host: string;
  /** Commands that came. */
  commands: string[];
  close(): Promise<void>;
}

export async function between(host: string, { answer, after, oneAtATime }: Meddling): Promise<Between> {
  const at = host.lastIndexOf(":");
  const open = new Set<Socket>();
  const commands: string[] = [];
  const server = createServer((near) => {
    const far = connect(Number(host.slice(at + 1)), host.slice(0, at));
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
    }
    near.on("data", (chunk: Buffer) => {
      const lines = chunk.toString("latin1").split(/(?<=\n)/);
      for (const line of oneAtATime ? lines.slice(0, 1) : lines) {
        commands.push(line.trimEnd());
        const instead = answer?.(line.trimEnd());
        if (instead === undefined) far.write(line, "latin1");
        else near.write(`${instead}\r\n`, "latin1");
      }
    });
    far.on("data", (chunk: Buffer) => {
      const more = after?.(chunk.toString("latin1"));
      near.write(more === undefined ? chunk : Buffer.concat([chunk, Buffer.from(more, "latin1")]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    commands,
    close() {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
