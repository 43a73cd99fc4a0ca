import type { ServiceBroker } from "moleculer";
import { errors } from "../../../config/errors.ts";
import type { EdgeRequest, EdgeResponse } from "../exchange.ts";
import type { Gateway } from "../gateway.ts";
import { jobOf } from "../peers.ts";
import type { EventHub } from "./hub.ts";
import { aggregateOf } from "./reader.ts";

const lastOfJob = ["sync.job.completed", "sync.job.failed", "sync.job.cancelled"];
/** Every event of the caller's organisation. */
export function tenantEvents({ hub }: Gateway, req: EdgeRequest, res: EdgeResponse): void {
  const origin = resumeFrom(req);
  if (req.method === "HEAD") return void res.end();
  hub.open(res, { tenantId: req.principal!.tenantId, check: req.admit! }, origin);
}

/**
 * The events of one job: from its beginning, or from Last-Event-ID on. The stream ends with the job. @throws JOB_NOT_FOUND
 */
export async function jobEvents({ hub }: Gateway, broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, id: string): Promise<void> {
  const job = await jobOf(broker, req.claim!, id);
  const resumed = resumeFrom(req);
  if (resumed && (await sawTheEnd(hub, resumed.after, id))) {
    // By the EventSource standard the status that keeps a client from asking again.
    res.statusCode = 204;
    return void res.end();
  }
  if (req.method === "HEAD") return void res.end();
  const wanted = { tenantId: req.principal!.tenantId, family: "sync.job", aggregate: `job:${id}`, lastTypes: lastOfJob, check: req.admit! };
  hub.open(res, wanted, resumed ?? { time: job.createdAt });
}

/** Whether the event that a client saw last is the one that ends the job's stream. */
async function sawTheEnd(hub: EventHub, seq: number, id: string): Promise<boolean> {
  const event = await hub.at(seq);
  return event !== undefined && lastOfJob.some((type) => event.subject.endsWith(`.${type}`)) && aggregateOf(event) === `job:${id}`;
}

function resumeFrom(req: EdgeRequest): { after: number } | undefined {
  const header = req.headers["last-event-id"];
  if (header === undefined || header === "") return undefined;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return { after: Number(header) };
  throw errors.malformed("Last-Event-ID must be the id of an event of this stream: a whole number.");
}
