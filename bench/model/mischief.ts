import { setTimeout as sleep } from "node:timers/promises";
import type { ModelCluster } from "./cluster.ts";
import type { SmallDisk } from "./disk.ts";
import type { Random } from "./random.ts";
import type { Victims } from "./servers.ts";

/** What is done to a running cluster, by name. Each resolves when it is over. */
export type Mischief = Record<string, () => Promise<void>>;

const MIB = 2 ** 20;
/** Longer than a lease: a frozen owner wakes up fenced. */
const frozenMs = 4_000;

/** @param disk the vault's, where it could be made */
export function mischief(cluster: ModelCluster, victims: Victims, random: Random, disk: SmallDisk | undefined): Mischief {
  const node = () => random.pick(cluster.names);
  return {
    "node killed": () => cluster.strike(node(), "SIGKILL"),
    "node stopped": () => cluster.strike(node(), "SIGTERM"),
    async "node frozen"() {
      const name = node();
      await cluster.strike(name, "SIGSTOP");
      await sleep(frozenMs);
      await cluster.strike(name, "SIGCONT");
    },
    async "threads killed"() {
      for (let i = 1 + random.below(4); i > 0; i--) {
        await cluster.strike(node(), "SIGUSR2");
        await sleep(random.below(100));
      }
    },
    "NATS killed": () => victims.kill("nats"),
    "Redis killed": () => victims.kill("redis"),
    "PostgreSQL killed": () => victims.kill("postgres"),
    ...(disk && {
      async "disk full"() {
        disk.fill(random.below(2 * MIB));
        await sleep(500 + random.below(2_500));
        disk.free();
      },
    }),
  };
}
