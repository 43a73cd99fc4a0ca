import { connect } from "nats";
import { env } from "../config/env.ts";
import { natsOptions } from "../config/nats.ts";
import { serviceUrl } from "../config/orm.ts";
import { ActorRunner } from "../mixins/runner.ts";
import { Database } from "../mixins/database.ts";
import { counting } from "./counting.ts";

// A process that runs counting actors, for suites that kill, stop and wake it. Ends in order on SIGINT or with its parent.
const owner = env.LEGENDO_NODE_ID ?? "worker";
const tell = (report: object) => void process.send?.(report);
const database = await Database.open("sync", serviceUrl("sync", undefined, env.DATABASE_URL, env.CLUSTER_SECRET), 8);
const connection = await connect(natsOptions(env, owner));
const runner = new ActorRunner(database, counting("count", owner, 4, tell), owner, console);
const end = async () => {
  await runner.stop();
  await connection.close();
  await database.close();
  process.exit();
};
process.once("SIGINT", () => void end());
process.once("disconnect", () => void end());
await runner.start(connection, env.LEGENDO_NAMESPACE);
tell({ what: "ready", owner });
