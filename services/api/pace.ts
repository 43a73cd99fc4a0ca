import type { Server } from "node:http";
import type { Http2SecureServer } from "node:http2";
import type { Socket } from "node:net";
import { Turnstile } from "./turnstile.ts";

/** Connections that are let in with one turn of the event loop: the first request of each takes some 0.2 ms, a TLS handshake 1 ms. */
const perTurn = 2;

export interface Pace {
  /** Cuts connections on which nothing has come yet. */
  cutSilent(): void;
}

/**
 * Lets new connections in by and by, each when its first bytes are there. What a crowd sends arrives together, and everybody else would wait
 * until all of it is read and answered: 0.3 s behind a thousand sign-ins. With two a turn, requests on connections that are open already pass
 * between.
 * @param patienceMs a client has so long for its first byte
 */
export function pace(server: Server | Http2SecureServer, patienceMs = 15_000): Pace {
  const entrances = server.listeners("connection") as ((socket: Socket) => void)[];
  const silent = new Set<Socket>();
  const turnstile = new Turnstile(perTurn);

  server.removeAllListeners("connection");
  server.on("connection", (socket: Socket) => {
    const cut = () => socket.destroy();
    const gone = () => silent.delete(socket);
    const enter = () => {
      if (socket.destroyed) return;
      // From here on the server has listeners of its own.
      socket.off("error", cut).setTimeout(0).off("timeout", cut);
      for (const entrance of entrances) entrance.call(server, socket);
    };
    silent.add(socket);
    socket.on("error", cut).setTimeout(patienceMs).on("timeout", cut).once("close", gone);
    socket.once("readable", () => {
      silent.delete(socket);
      socket.off("close", gone);
      turnstile.pass(enter);
    });
  });
  return {
    cutSilent() {
      for (const socket of silent) socket.destroy();
    },
  };
}
