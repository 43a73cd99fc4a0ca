import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Client } from "./client.ts";
import { root } from "./cluster.ts";
import { progressBar, say, size } from "./terminal.ts";

// What a first look at the cluster shows: the sample folder synced, the assets found in it, and a payment.
export const samples = join(root, "samples");

export interface Job {
  id: string;
  status: string;
  progress: number;
  items: Record<"total" | "stored" | "unchanged" | "deduplicated" | "failed" | "gone", number>;
  bytes: { total: number; done: number };
}

const over = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);

/** Asks for a sync of the sample folder. @returns the job as accepted. */
export const requestSync = (api: Client): Promise<{ id: string; status: string }> =>
  api.post("/api/v1/trigger", { input: pathToFileURL(samples).href });

/** Follows a job with a progress bar until it has ended. */
export async function followSync(api: Client, id: string, signal: AbortSignal): Promise<Job> {
  const bar = progressBar("sync");
  const begin = Date.now();
  for (;;) {
    const job = await api.get<Job>(`/api/v1/sync/jobs/${id}`);
    const { stored, unchanged, deduplicated, failed, total } = job.items;
    const done = stored + unchanged + deduplicated + failed;
    if (over.has(job.status)) {
      const parts = [`${stored} stored`, `${unchanged} unchanged`, `${deduplicated} deduplicated`, `${failed} failed`];
      bar.end(`${job.status}: ${parts.join(", ")}, ${size(job.bytes.done)} in ${((Date.now() - begin) / 1000).toFixed(1)} s`);
      return job;
    }
    bar.update(job.progress, `${job.status}, ${done} of ${total} files, ${size(job.bytes.done)} of ${size(job.bytes.total)}`);
    await sleep(200, undefined, { signal });
  }
}

/** Creates a small payment and says where the payer would approve it. */
export async function showPayment(api: Client): Promise<void> {
  const wish = { amount: "12.50", currency: "EUR", description: "Demo" };
  const payment = await api.post<{ id: string; status: string; approvalUrl?: string }>("/api/v1/payments/create", wish);
  say(`payment ${payment.id}: 12.50 EUR, ${payment.status}${payment.approvalUrl ? `; the payer approves at ${payment.approvalUrl}` : ""}`);
}

/** Prints some of the assets that the vault holds. */
export async function showAssets(api: Client, limit: number): Promise<void> {
  const assets = await api.get<{ id: string; path: string; size: number }[]>(`/api/v1/assets?limit=${limit}`);
  say(
    [`assets in the vault (first ${assets.length}):`, ...assets.map(({ id, path, size: bytes }) => `${id}  ${path}  ${size(bytes)}`)].join(
      "\n",
    ),
  );
}
