import { parentPort } from "node:worker_threads";
import { analyse, type Request } from "./analyse.ts";
import { messageOf } from "../../config/errors.ts";

/** A worker thread's side: one asset at a time, answered with its analysis or with why the analyser itself failed. */
const port = parentPort!;
port.on("message", (request: Request) => {
  analyse(request).then(
    (analysis) => port.postMessage({ analysis }),
    (error: unknown) => port.postMessage({ fault: messageOf(error) }),
  );
});
