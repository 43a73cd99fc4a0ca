import type { LoggerConfig } from "moleculer";

/** Moleculer logs ("text", object | error); pino keeps only what comes first, so the object is put first. */
export function logMethod(this: unknown, args: unknown[], method: (...args: unknown[]) => void): void {
  if (typeof args[0] !== "string" || args.length === 1) return method.apply(this, args);
  const [text, ...rest] = args as [string, ...unknown[]];
  const err = rest.find((part) => part instanceof Error);
  const objects = rest.filter((part): part is object => part !== null && typeof part === "object" && !(part instanceof Error));
  const words = rest.filter((part) => part === null || typeof part !== "object");
  method.call(this, Object.assign({}, ...objects, err ? { err } : {}), [text, ...words].join(" "));
}

/** What must never reach a log line, wherever it is logged. */
export const redactedPaths = [
  "claim",
  "*.claim",
  "meta.claim",
  "authorization",
  "*.authorization",
  "password",
  "*.password",
  "secret",
  "*.secret",
  "token",
  "*.token",
  "credentials",
  "*.credentials",
];

/** JSON lines on standard output. Moleculer sets the level itself; pino's own has no effect. */
export const pinoLogger = (level: string): LoggerConfig => ({
  type: "Pino",
  options: {
    level,
    pino: {
      options: { hooks: { logMethod }, redact: redactedPaths, base: undefined, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    },
  },
});
