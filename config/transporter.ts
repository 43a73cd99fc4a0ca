import { Errors, Transporters } from "moleculer";
import type { NatsConnection } from "nats";

interface Pending {
  nodeID: string | null;
  action: { name: string };
  reject(error: Error): void;
}

/** What the stock transporter and broker have at run time but do not declare. */
interface Inside {
  prefix: string;
  nodeID: string;
  client: NatsConnection | null;
  broker: {
    nodeID: string;
    Promise: PromiseConstructor;
    registry: { discoverer: { remoteNodeDisconnected(nodeID: string, unexpected: boolean): void } };
  };
  transit: { pendingRequests: Map<string, Pending>; removePendingRequest(id: string): void };
}

/**
 * NATS transporter that hears of a dead node at the next request instead of after one or two heartbeat time-outs: each request carries
 * a reply subject, so NATS answers 503 "no responders" at once when nothing subscribes to the target node's subject any more.
 */
export class FastNats extends (Transporters.NATS as unknown as new (options: object) => {
  makeSubscriptions(topics: unknown[]): Promise<void>;
}) {
  override makeSubscriptions(topics: unknown[]) {
    const replies = this.replies();
    this.inside().client?.subscribe(`${replies}*`, {
      callback: (error, message) => {
        if (!error && message.headers?.code === 503) this.noResponders(message.subject.slice(replies.length));
      },
    });
    return super.makeSubscriptions(topics);
  }

  send(topic: string, data: Uint8Array, meta?: { packet?: { type: string; payload: { id: string } } }): Promise<void> {
    const { client, broker } = this.inside();
    const reply = meta?.packet?.type === "REQ" ? { reply: this.replies() + meta.packet.payload.id } : undefined;
    client?.publish(topic, data, reply);
    return broker.Promise.resolve();
  }

  private inside(): Inside {
    return this as unknown as Inside;
  }

  private replies(): string {
    return `${this.inside().prefix}.NR.${this.inside().nodeID}.`;
  }

  private noResponders(id: string): void {
    const { transit, broker } = this.inside();
    const request = transit.pendingRequests.get(id);
    if (!request) return;
    // Rejects all that is pending there; the retry middleware sends idempotent calls elsewhere.
    if (request.nodeID) return broker.registry.discoverer.remoteNodeDisconnected(request.nodeID, true);
    transit.removePendingRequest(id);
    request.reject(new Errors.RequestRejectedError({ action: request.action.name, nodeID: broker.nodeID }));
  }
}
