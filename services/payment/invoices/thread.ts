import { parentPort } from "node:worker_threads";
import { messageOf } from "../../../config/errors.ts";
import type { Issued } from "./issued.ts";
import { pdfOf } from "./pdf.ts";

/** The thread's side of rendering.ts: one PDF after the other. */
const port = parentPort!;
port.on("message", ({ id, issued }: { id: number; issued: Issued }) => {
  pdfOf(issued).then(
    (pdf) => port.postMessage({ id, pdf }),
    (error: unknown) => port.postMessage({ id, fault: messageOf(error) }),
  );
});
