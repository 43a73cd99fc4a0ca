import type { ServiceBroker } from "moleculer";
import type { NatsConnection } from "nats";
import { schemas, type SchemaName } from "../../config/names.ts";

/** Follows one NATS connection: the transporter itself goes on calling itself connected after it has lost its server. */
export class Link {
  private client: NatsConnection | undefined;
  private up = false;

  /** Whether the given connection is up now; another one than before is followed from then on. */
  isUp(client: NatsConnection | undefined): boolean {
    if (client !== this.client) {
      this.client = client;
      this.up = client !== undefined && !client.isClosed();
      if (client) void this.follow(client);
    }
    return this.up && client?.isClosed() === false;
  }

  private async follow(client: NatsConnection): Promise<void> {
    for await (const { type } of client.status()) {
      if (client !== this.client) return;
      if (String(type) === "disconnect") this.up = false;
      if (String(type) === "reconnect") this.up = true;
    }
    if (client === this.client) this.up = false;
  }
}

export interface Readiness {
  status: "ready" | "unavailable";
  checks: Record<string, { status: "ok" | "down"; nodes?: number; detail?: string }>;
}

/**
 * Whether requests can be served: the broker runs, NATS is there, and each service of the platform has a node that reaches its database.
 * @param links name → whether that connection is up
 * @param stored services that reach their databases
 */
export function readiness(
  broker: ServiceBroker,
  draining: boolean,
  links: Record<string, boolean>,
  stored: ReadonlySet<SchemaName>,
): Readiness {
  const running = (broker as { started?: boolean }).started === true && !draining;
  const checks: Readiness["checks"] = {
    broker: running ? { status: "ok" } : { status: "down", detail: draining ? "draining" : "not running" },
  };
  for (const [name, up] of Object.entries(links)) checks[name] = up ? { status: "ok" } : { status: "down", detail: "not connected" };
  const nodes = nodesByService(broker);
  for (const name of schemas) {
    const count = nodes.get(name)?.size ?? 0;
    const detail = !count ? "no node offers it" : stored.has(name) ? undefined : "it does not reach its database";
    checks[name] = detail ? { status: "down", nodes: count, detail } : { status: "ok", nodes: count };
  }
  const ready = Object.values(checks).every(({ status }) => status === "ok");
  return { status: ready ? "ready" : "unavailable", checks };
}

/** Whether every service of the platform has told of itself. */
export function allHeard(broker: ServiceBroker): boolean {
  const nodes = nodesByService(broker);
  return schemas.every((name) => nodes.has(name));
}

/** "sync.assets" counts for sync. */
function nodesByService(broker: ServiceBroker): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const listed = broker.registry.getServiceList({ onlyAvailable: true }) as unknown as { name: string; nodeID: string }[];
  for (const { name, nodeID } of listed) {
    const service = name.split(".")[0]!;
    found.set(service, (found.get(service) ?? new Set()).add(nodeID));
  }
  return found;
}
