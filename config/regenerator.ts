import { Errors } from "moleculer";

interface Plain {
  name: string;
  message: string;
  code?: unknown;
  type?: unknown;
  data?: unknown;
  stack?: string;
  retryable?: boolean;
  nodeID?: string;
}

/**
 * What of an error may travel to another node: an own failure with its code, type and data, never a stack, and of anything else
 * (a driver's message may hold a row's values) only that something went wrong. The full error is logged where it happened.
 */
export class MaskingRegenerator extends Errors.Regenerator {
  override extractPlainError(error: Error, payload?: never): never {
    const plain = super.extractPlainError(error as never, payload as never) as unknown as Plain;
    if (!(error instanceof Errors.MoleculerError)) {
      Object.assign(plain, {
        name: "MoleculerError",
        message: "An internal error happened; the node's log has it.",
        code: 500,
        type: "INTERNAL_ERROR",
        data: undefined,
        retryable: false,
      });
    }
    delete plain.stack;
    return plain as never;
  }
}
