import { Worker } from "node:worker_threads";
import { errors } from "../../../config/errors.ts";
import type { Issued } from "./issued.ts";

type Answer = { id: number } & ({ pdf: Uint8Array } | { fault: string });

interface Waiting {
  resolve: (pdf: Buffer) => void;
  reject: (error: Error) => void;
}

/** A thread that nobody has asked for so long is ended: it holds 700 KB of font in many small objects. */
const idleMs = 10_000;
/** A PDF takes a sixth of a second on a busy machine. */
const deadlineMs = 30_000;

/**
 * Makes PDFs on a thread of its own, for reading a font takes longer than the event loop of a node may stand still. One thread per process; it
 * starts with the first PDF, keeps no process alive once it has nothing to do, and is replaced when it breaks.
 */
class PdfThread {
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private asked = 0;
  private idle: NodeJS.Timeout | undefined;

  /** @throws WORKER_THREAD_LOST, INTERNAL_ERROR when it can't be made */
  render(issued: Issued): Promise<Buffer> {
    clearTimeout(this.idle);
    const worker = (this.worker ??= this.open());
    const id = ++this.asked;
    return new Promise<Buffer>((resolve, reject) => {
      const late = setTimeout(() => this.drop(worker, "Making a PDF took too long."), deadlineMs);
      late.unref();
      const over = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(late);
          then(value);
        };
      };
      worker.ref();
      this.waiting.set(id, { resolve: over(resolve), reject: over(reject) });
      worker.postMessage({ id, issued });
    });
  }

  private open(): Worker {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), { name: "invoices" });
    worker.on("message", (answer: Answer) => {
      const task = this.waiting.get(answer.id);
      this.waiting.delete(answer.id);
      if ("pdf" in answer) task?.resolve(Buffer.from(answer.pdf));
      else task?.reject(errors.internal(`The PDF could not be made: ${answer.fault}`));
      if (this.waiting.size === 0) this.rest(worker);
    });
    worker.on("error", (error) =>
      this.drop(worker, `The thread that makes PDFs broke: ${error instanceof Error ? error.message : String(error)}`),
    );
    worker.on("exit", () => this.drop(worker, "The thread that makes PDFs ended."));
    return worker;
  }

  private rest(worker: Worker): void {
    worker.unref();
    this.idle = setTimeout(() => this.drop(worker, "The thread was idle."), idleMs);
    this.idle.unref();
  }

  private drop(worker: Worker, why: string): void {
    if (this.worker !== worker) return;
    this.worker = undefined;
    const lost = [...this.waiting.values()];
    this.waiting.clear();
    for (const { reject } of lost) reject(errors.threadLost(why));
    void worker.terminate();
  }
}

const thread = new PdfThread();

/** An issued invoice as a PDF. @throws WORKER_THREAD_LOST, INTERNAL_ERROR */
export const renderPdf = (issued: Issued): Promise<Buffer> => thread.render(issued);
