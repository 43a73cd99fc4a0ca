import { client } from "./client.ts";
import { dataFolder, readCluster } from "./cluster.ts";
import { onLeaving } from "./leaving.ts";
import { giveUp, say } from "./terminal.ts";
import { followSync, requestSync, samples, showAssets, showPayment } from "./tour.ts";

// npm run demo: the first sync once more, against the cluster that npm start runs.
const leaving = new AbortController();
onLeaving(
  () => leaving.abort(),
  () => process.exit(130),
);
try {
  const cluster = readCluster(dataFolder());
  const api = client(cluster.api, { "x-api-key": cluster.apiKey }, leaving.signal);
  const job = await requestSync(api);
  say(`job ${job.id}: sync of ${samples}`);
  const { status } = await followSync(api, job.id, leaving.signal);
  await showAssets(api, 10);
  await showPayment(api);
  process.exit(status === "completed" ? 0 : 1);
} catch (error) {
  giveUp(leaving.signal.aborted ? "Stopped; the job goes on in the cluster." : error);
}
