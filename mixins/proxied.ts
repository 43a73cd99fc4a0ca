import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent, type AgentOptions } from "node:https";
import type { Socket } from "node:net";
import { connect as secure, type ConnectionOptions } from "node:tls";
import { dial } from "./reach.ts";

interface Wanted extends ConnectionOptions {
  host?: string;
  port?: number;
}

/**
 * Agents whose connections are tunnelled through a proxy that knows CONNECT, those without TLS too. The proxy resolves the names.
 * @param timeout milliseconds until a connection must stand
 */
export function proxiedAgents(proxy: string, timeout: number, options: AgentOptions): { httpAgent: HttpAgent; httpsAgent: HttpsAgent } {
  const connecting =
    (finish: (socket: Socket, to: Wanted) => Socket) => (to: Wanted, done?: (error: Error | null, socket: Socket) => void) => {
      dial({ host: to.host ?? "localhost", port: Number(to.port), proxy, timeout }).then(
        (socket) => done?.(null, finish(socket, to)),
        (error: Error) => done?.(error, undefined as never),
      );
      return undefined;
    };
  const httpAgent = new HttpAgent(options);
  httpAgent.createConnection = connecting((socket) => socket);
  const httpsAgent = new HttpsAgent(options);
  httpsAgent.createConnection = connecting((socket, to) => secure({ ...to, socket }));
  return { httpAgent, httpsAgent };
}
