import { setTimeout as sleep } from "node:timers/promises";

/** Calls of the cluster's HTTP edge, as any tenant's program would make them. */
export interface Client {
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body: object): Promise<T>;
}

interface Problem {
  status?: number;
  type?: string;
  title?: string;
  detail?: string;
}

/**
 * @param base origin of the edge
 * @param headers of every request, such as the API key
 * @returns a client whose answers are the `data` of the envelope, or the whole body where there is none
 */
export function client(base: string, headers: Record<string, string>, signal?: AbortSignal): Client {
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const limits = [AbortSignal.timeout(30_000), ...(signal ? [signal] : [])];
    const init: RequestInit = { method, headers: { ...headers, "content-type": "application/json" }, signal: AbortSignal.any(limits) };
    if (body) init.body = JSON.stringify(body);
    const send = () => fetch(new URL(path, base), init);
    const response = await send()
      .catch((error: unknown) => {
        if (!wasIdle(error)) throw error;
        return send();
      })
      .catch((cause: unknown) => {
        throw new Error(`${base} does not answer. Is the cluster running (npm start)?`, { cause });
      });
    const text = await response.text();
    const value = (text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : {}) as { data?: T } & Problem;
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${value.detail ?? value.title ?? text.slice(0, 200)}`, {
        cause: response.status,
      });
    return value.data ?? (value as T);
  };
  return { get: (path) => call("GET", path), post: (path, body) => call("POST", path, body) };
}

/** The connection had been idle and was closed by the edge the moment it was used again: nothing of the request was read. */
const wasIdle = (error: unknown): boolean => (error as { cause?: { code?: string } }).cause?.code === "UND_ERR_SOCKET";

/** Waits until the edge reports that it and everything behind it can work. @returns false when `limitMs` is over first. */
export async function untilReadyz(base: string, limitMs: number, signal: AbortSignal): Promise<boolean> {
  const limit = Date.now() + limitMs;
  while (Date.now() < limit) {
    signal.throwIfAborted();
    const ready = await fetch(new URL("/readyz", base), { signal: AbortSignal.any([signal, AbortSignal.timeout(2000)]) }).then(
      (response) => response.ok,
      () => false,
    );
    if (ready) return true;
    await sleep(100);
  }
  return false;
}
