import { fork } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { client } from "../../scripts/client.ts";
import { readCluster, root } from "../../scripts/cluster.ts";
import { freePort } from "../../scripts/servers/memory.ts";
import type { JobView } from "../../services/sync/job.ts";
import { clusterCpu, peakMemory, type Cost } from "./processes.ts";

/** A cluster as `npm start` makes it, with its data where the peers' destinations are. */
export interface BenchCluster {
  /** A new organisation: nothing of it is known, whatever was synced before. */
  organisation(): Promise<Tenant>;
  /** Highest resident memory of a sync node since it was asked last, MiB. */
  memory(): number;
  stop(): Promise<void>;
}

export interface Tenant {
  /** Syncs a place, given as POST /sync/jobs takes it; the wall time is from accepted to completed, the CPU that of all nodes and servers. */
  sync(request: { input: string }): Promise<Cost & { job: JobView }>;
}

const ended = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);

export async function startCluster(dataDir: string, roots: string): Promise<BenchCluster> {
  const port = await freePort();
  const env = { ...process.env, LEGENDO_DATA: dataDir, SYNC_FILE_ROOTS: roots, PORT: String(port), LOG_LEVEL: "error" };
  for (const name of ["DATABASE_URL", "REDIS_URL", "NATS_URL", "VAULT_URL"]) delete (env as Record<string, string | undefined>)[name];
  const child = fork(join(root, "scripts/start.ts"), ["--no-demo"], {
    env,
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    execArgv: ["--no-warnings"],
  });
  const gone = new Promise<never>((_, reject) => child.once("exit", (code) => reject(new Error(`the cluster ended with ${code}`))));
  gone.catch(() => {});
  for (let tries = 0; !existsSync(join(dataDir, "cluster.json")); tries++) {
    if (tries > 600) throw new Error("the cluster was not ready within two minutes");
    await Promise.race([sleep(200), gone]);
  }
  const { api } = readCluster(dataDir);
  let made = 0;
  return {
    async organisation() {
      // Nothing of the organisations before is read again, and memory is all the room there is.
      const vault = join(dataDir, "vault");
      for (const tenant of existsSync(vault) ? readdirSync(vault) : [])
        if (!tenant.startsWith(".")) rmSync(join(vault, tenant), { recursive: true });
      const email = `bench${++made}@example.com`;
      const { token } = await client(api, {}).post<{ token: string }>("/api/v1/organisations", {
        organisation: email,
        email,
        password: "a long password",
      });
      // Keys outlive the ten minutes of a token.
      const { key } = await client(api, { authorization: `Bearer ${token}` }).post<{ key: string }>("/api/v1/keys", { name: "bench" });
      const edge = client(api, { "x-api-key": key });
      return {
        async sync(request) {
          const before = clusterCpu(dataDir);
          let job = await edge.post<JobView>("/api/v1/trigger", { ...request, options: { analyse: false } });
          while (!ended.has(job.status)) {
            // What is measured stands in the job; asking is work for the cluster that nobody has ordered.
            await sleep(200);
            job = await edge.get<JobView>(`/api/v1/sync/jobs/${job.id}`);
          }
          if (job.status !== "completed") throw new Error(`the job ended as ${job.status}: ${JSON.stringify(job.error ?? job.items)}`);
          const wall = (Date.parse(job.completedAt!) - Date.parse(job.createdAt)) / 1000;
          return { wall, cpu: clusterCpu(dataDir) - before, job };
        },
      };
    },
    memory: () =>
      Math.max(
        ...readCluster(dataDir)
          .nodes.filter(({ services }) => services.includes("sync"))
          .map(({ pid }) => peakMemory(pid)),
      ),
    async stop() {
      const end = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGINT");
      await end;
    },
  };
}
