import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { hotp, stepAt } from "../services/auth/mfa/totp.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

let database: TestDatabase;
let node: TestNode;
let url: string;

beforeAll(async () => {
  database = await testDatabase();
  Object.assign(process.env, { PORT: "0" });
  node = await testNode(["api", "auth"], database);
  url = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  const paths = ["/api/v1/organisations", "/api/v1/auth/login", "/api/v1/auth/second-factor", "/api/v1/auth/authenticator", "/api/v1/keys"];
  await until(async () => {
    const known = await (await fetch(`${url}/api/v1/openapi.json`)).text();
    return paths.every((path) => known.includes(`"${path}"`));
  }, "the edge to know the routes");
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

async function send(method: string, path: string, body?: object, token?: string) {
  const answer = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const parsed = (await answer.json()) as { data: Record<string, string>; code?: string; token?: string };
  return { ...parsed, status: answer.status, challenge: answer.headers.get("www-authenticate") };
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const codeOf = (secret: string, steps: number) => {
  const bits = [...secret].map((digit) => digits.indexOf(digit).toString(2).padStart(5, "0")).join("");
  return hotp(Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2))), stepAt(Date.now()) + steps);
};

describe("a second factor over HTTP", () => {
  it("is made, asked for at sign-in and before keys are made, each refusal a problem that says how to go on", async () => {
    const who = { email: "ann@example.com", password: "correct horse battery staple" };
    const { data: account } = await send("POST", "/organisations", { organisation: "Acme", ...who });
    const { data: first } = await send("POST", "/auth/login", who);
    const { data: app, status } = await send("POST", "/auth/authenticator", {}, first["token"]);
    expect(status).toBe(201);
    const confirmed = await send("POST", "/auth/authenticator/confirm", { code: codeOf(app["secret"]!, 0) }, first["token"]);
    expect(confirmed.data["recoveryCodes"]).toHaveLength(10);

    const needed = await send("POST", "/auth/login", who);
    expect(needed).toMatchObject({
      status: 401,
      code: "SECOND_FACTOR_NEEDED",
      accepts: ["code", "recoveryCode"],
      token: expect.any(String),
    });
    const wrong = await send("POST", "/auth/second-factor", { token: needed.token, code: "000000", more: 1 });
    expect(wrong).toMatchObject({ status: 422, code: "VALIDATION_FAILED" });
    const { data: signedIn } = await send("POST", "/auth/second-factor", { token: needed.token, code: codeOf(app["secret"]!, 1) });
    expect(signedIn).toMatchObject({ tenantId: account["tenantId"] });

    await database.admin.query(`update auth.sessions set authenticated_at = now() - interval '1 hour' where id = $1`, [
      signedIn["sessionId"],
    ]);
    const { data: refreshed } = await send("POST", "/auth/refresh", { refreshToken: signedIn["refreshToken"] });
    const asked = await send("POST", "/keys", { name: "backup" }, refreshed["token"]);
    expect(asked).toMatchObject({ status: 401, code: "STEP_UP_REQUIRED", stepUp: "/api/v1/auth/step-up", maxAge: 600 });
    expect(asked.challenge).toBe('Bearer realm="legendo", error="insufficient_user_authentication", max_age=600');
    expect((await send("GET", "/keys", undefined, refreshed["token"])).status).toBe(200);
    const recoveryCode = (confirmed.data["recoveryCodes"] as unknown as string[])[0];
    const { data: fresher } = await send("POST", "/auth/step-up", { recoveryCode }, refreshed["token"]);
    expect((await send("POST", "/keys", { name: "backup" }, fresher["token"])).status).toBe(201);

    // On their way to the audit log, or there already.
    const { rows } = await database.admin.query<{ action: string; actor: string }>(
      `select act->>'action' as action, act->>'actor' as actor from auth.acts where act->>'action' ~ '^(factor|session)'
       union select action, actor from auth.audit where action ~ '^(factor|session)'`,
    );
    const actor = `user:${account["userId"]}`;
    for (const action of ["session.opened", "factor.added", "session.stepped_up"]) expect(rows).toContainEqual({ action, actor });
  });

  it("shows in the OpenAPI document which actions ask for it", async () => {
    const { paths } = (await (await fetch(`${url}/api/v1/openapi.json`)).json()) as { paths: Record<string, Record<string, object>> };
    expect(paths["/api/v1/keys"]!["post"]).toMatchObject({ "x-step-up": true });
    expect(paths["/api/v1/keys"]!["get"]).not.toHaveProperty("x-step-up");
  });
});
