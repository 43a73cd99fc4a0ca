import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface SignedIn {
  /** Until they were signed in. */
  ms: number;
  tries: number;
}

/** Signs somebody in from an address of this machine, and looks at who they are with the token; who is told to come back does so. */
export async function signIn(url: string, account: { email: string; password: string }, from: string): Promise<SignedIn> {
  const begin = performance.now();
  for (let tries = 1; ; tries++) {
    const { status, retryAfter, body } = await ask(`${url}/api/v1/auth/login`, from, {}, account);
    if (status === 200) {
      const ms = performance.now() - begin;
      const { data } = JSON.parse(body) as { data: { token: string } };
      await ask(`${url}/api/v1/measured/closed`, from, { authorization: `Bearer ${data.token}` });
      return { ms, tries };
    }
    if (status !== 429) throw new Error(`${account.email} was answered with ${status}: ${body}`);
    await sleep(retryAfter * 1000);
  }
}

const ask = (url: string, localAddress: string, headers: Record<string, string>, json?: object) =>
  new Promise<{ status: number; retryAfter: number; body: string }>((resolve, reject) => {
    const options = { method: json ? "POST" : "GET", agent: false, localAddress };
    const sent = request(url, { ...options, headers: { ...headers, "content-type": "application/json" } }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => (body += text));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, retryAfter: Number(answer.headers["retry-after"] ?? 1), body }));
    });
    sent.on("error", reject).end(json && JSON.stringify(json));
  });
