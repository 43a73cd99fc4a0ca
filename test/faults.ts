import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What happens to connections on a way; all unset: nothing. */
export interface Faults {
  /** Milliseconds that every piece takes each way. */
  latency?: number;
  /** Bytes per second towards the client. */
  bandwidth?: number;
  /** After so many bytes towards the client the connection is reset (RST). */
  resetAfter?: number;
  /** … it ends as if all had been said (FIN). */
  truncateAfter?: number;
  /** … it stays open and nothing comes through any more, in either direction. */
  silentAfter?: number;
  /** Connections that the three above still happen to; all when unset. Those that end sooner do not count. */
  times?: number;
}

/** A way to a server on which things go wrong. Faults may be changed at any time. */
export interface FaultyWay {
  host: string;
  port: number;
  faults: Faults;
  /** Connections that were ever made. */
  connections: number;
  /** Times that a connection was reset, ended or silenced. */
  struck: number;
  close(): Promise<void>;
}

/** Bytes that may be on their way before the sender is held back. */
const HELD = 256 * 1024;

/** A TCP proxy in front of host:port. */
export async function faultyWayTo(host: string, port: number): Promise<FaultyWay> {
  const open = new Set<Socket>();
  const way: FaultyWay = { host: "127.0.0.1", port: 0, faults: {}, connections: 0, struck: 0, close };
  // Half-open, so that what is still on its way arrives after the sender has said its last.
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
    way.connections++;
    const far = connect({ host, port, noDelay: true, allowHalfOpen: true });
    const line = { came: 0, silent: false };
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => open.delete(socket));
    }
    carry(near, far, way, line, false);
    carry(far, near, way, line, true);
  });
  function close(): Promise<void> {
    for (const socket of open) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  }
  await new Promise<void>((resolve) => server.listen(0, way.host, resolve));
  way.port = (server.address() as AddressInfo).port;
  return way;
}

/** Takes bytes from one socket to the other, in order, with the delays and faults of that moment. */
function carry(from: Socket, to: Socket, way: FaultyWay, line: { came: number; silent: boolean }, towardsClient: boolean): void {
  let held = 0;
  /** When the last piece arrives, milliseconds. */
  let arrival = 0;
  /** What is on its way. A timer for each would not do: those that are late on a busy machine do not go off in the order of their times. */
  const pieces: { arrival: number; work: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const deliver = () => {
    timer = undefined;
    for (let next = pieces[0]; next && next.arrival <= Date.now(); next = pieces[0]) {
      pieces.shift();
      next.work();
    }
    if (pieces[0]) timer ??= setTimeout(deliver, pieces[0].arrival - Date.now());
  };
  const later = (work: () => void, bytes: number) => {
    const { latency = 0, bandwidth } = way.faults;
    const pace = towardsClient && bandwidth ? (bytes / bandwidth) * 1000 : 0;
    arrival = Math.max(Date.now() + latency, arrival) + pace;
    pieces.push({ arrival, work });
    if (!timer) deliver();
  };
  from.on("data", (chunk: Buffer) => {
    if (line.silent) return;
    const { piece, strike } = towardsClient ? cut(chunk, way, line) : { piece: chunk };
    held += piece.length;
    if (held > HELD) from.pause();
    later(() => {
      held -= piece.length;
      if (held <= HELD) from.resume();
      if (to.destroyed) return;
      const flowing = to.write(piece);
      if (!flowing) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      strike?.(to);
    }, piece.length);
  });
  from.on("end", () => {
    if (!line.silent) later(() => void to.end(), 0);
  });
  from.on("close", (failed) => {
    // Of two ends that have both been said nothing is left to do.
    if (failed || line.silent || !from.readableEnded) later(() => to.destroySoon(), 0);
  });
}

/** What of a chunk still comes through, and what happens to the connection then. */
function cut(chunk: Buffer, way: FaultyWay, line: { came: number; silent: boolean }): { piece: Buffer; strike?: (to: Socket) => void } {
  const { resetAfter, truncateAfter, silentAfter, times = Infinity } = way.faults;
  const limit = Math.min(resetAfter ?? Infinity, truncateAfter ?? Infinity, silentAfter ?? Infinity);
  const before = line.came;
  line.came += chunk.length;
  if (line.came <= limit || !times) return { piece: chunk };
  way.struck++;
  if (way.faults.times) way.faults.times--;
  line.silent = true;
  const piece = chunk.subarray(0, Math.max(0, limit - before));
  if (limit === silentAfter) return { piece };
  return { piece, strike: (to) => void (limit === resetAfter ? to.resetAndDestroy() : to.end()) };
}
