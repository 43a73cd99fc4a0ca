import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as openid from "openid-client";
import { freePort } from "../../../scripts/servers/memory.ts";
import { codeOf } from "../../../test/authenticator.ts";
import { Browser } from "../../../test/browser.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";

const password = "correct horse battery staple";
const redirectUri = "http://127.0.0.1:9/callback";
let database: TestDatabase;
let node: TestNode;
let url: string;
let issuer: URL;

interface Person {
  email: string;
  token: string;
  userId: string;
  tenantId: string;
}
let ada: Person;
let mallory: Person;

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  issuer = new URL(`${url}/oidc`);
  Object.assign(process.env, { PORT: String(port), PUBLIC_URL: url, LOG_LEVEL: "fatal" });
  database = await testDatabase();
  node = await testNode(["auth", "api"], database);
  ada = await signUp("ada");
  mallory = await signUp("mallory");
}, 60_000);
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

async function signUp(name: string): Promise<Person> {
  const email = `${name}@example.com`;
  const sent = { organisation: `${name} & sons`, email, password, firstName: name };
  // The edge learns the routes of a node a moment after it has come.
  const { data } = await until(async () => {
    const answer = await api("POST", "/organisations", undefined, sent);
    return answer.status === 201 && ((await answer.json()) as { data: Omit<Person, "email"> });
  }, "signing up");
  return { email, ...data };
}

const api = (method: string, path: string, token?: string, body?: object) =>
  fetch(`${url}/api/v1${path}`, {
    method,
    headers: { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });

interface Client {
  id: string;
  clientSecret: string | null;
}
async function register(owner: Person, wish: object): Promise<Client> {
  const answer = await api("POST", "/oauth/clients", owner.token, { name: "Asset <viewer>", ...wish });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { data: Client }).data;
}
const web = (more: object = {}) =>
  register(ada, { kind: "web", redirectUris: [redirectUri], permissions: ["org:read", "assets:read"], ...more });

const party = (client: Client) =>
  openid.discovery(
    issuer,
    client.id,
    undefined,
    client.clientSecret === null ? openid.None() : openid.ClientSecretBasic(client.clientSecret),
    { execute: [openid.allowInsecureRequests] },
  );

/** What a relying party and a browser do until the party has tokens. */
async function signIn(client: Client, who: Person, scope = "openid profile email offline_access org:read") {
  const config = await party(client);
  const verifier = openid.randomPKCECodeVerifier();
  const [state, nonce] = [openid.randomState(), openid.randomNonce()];
  const start = openid.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    prompt: "consent",
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  });
  const browser = new Browser(redirectUri);
  const login = await browser.open(start.href);
  const consent = await browser.submit(login, 0, { email: who.email, password });
  const back = consent.left ?? (await browser.submit(consent, 0)).left!;
  const finish = () =>
    openid.authorizationCodeGrant(config, new URL(back), {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
    });
  return { config, browser, login, consent, back, finish };
}

describe("An outside relying party", () => {
  test("signs a member in by code and PKCE, learns who it is, and calls the API within the scope that was agreed to", async () => {
    const { config, login, consent, finish } = await signIn(await web(), ada);
    expect(login.text).toContain("Asset &lt;viewer&gt;");
    expect(login.text).toContain("ada &amp; sons");
    expect(consent.text).toContain("read your e-mail address");
    expect(login.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; style-src 'sha256-.*form-action 'self' http:\/\/127\.0\.0\.1:9$/,
    );
    const tokens = await finish();
    expect(tokens.claims()).toMatchObject({ sub: ada.userId, iss: issuer.href });
    expect(await openid.fetchUserInfo(config, tokens.access_token, ada.userId)).toEqual(
      expect.objectContaining({ sub: ada.userId, email: ada.email, given_name: "ada", org_id: ada.tenantId, org_name: "ada & sons" }),
    );
    const me = await api("GET", "/me", tokens.access_token);
    expect(await me.json()).toMatchObject({
      data: { tenantId: ada.tenantId, subject: expect.stringMatching(/^token:/), user: { id: ada.userId }, permissions: ["org:read"] },
    });
    // Agreed to, but not asked for; and asked for by nobody.
    expect((await api("GET", "/keys", tokens.access_token)).status).toBe(403);
    expect((await api("GET", "/auth/sessions", tokens.access_token)).status).toBe(403);
  });

  test("rotates refresh tokens; one that is used twice ends everything that came of it, within a second", async () => {
    const { config, finish } = await signIn(await web(), ada);
    const first = await finish();
    const second = await openid.refreshTokenGrant(config, first.refresh_token!);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect((await api("GET", "/me", second.access_token)).status).toBe(200);
    await expect(openid.refreshTokenGrant(config, first.refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
    await expect(openid.refreshTokenGrant(config, second.refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
    await until(async () => (await api("GET", "/me", second.access_token)).status === 401, "the token to be refused", 1_000);
  });

  test("uses a code once: a second use ends what the first was given", async () => {
    const { finish } = await signIn(await web(), ada);
    const { access_token } = await finish();
    await expect(finish()).rejects.toMatchObject({ error: "invalid_grant" });
    await until(async () => (await api("GET", "/me", access_token)).status === 401, "the token to be refused", 1_000);
  });

  test("gives a token back, and is cut off when its organisation revokes it", async () => {
    const client = await web();
    const given = await signIn(client, ada);
    const { access_token, refresh_token } = await given.finish();
    expect((await api("GET", "/me", access_token)).status).toBe(200);
    await openid.tokenRevocation(given.config, access_token);
    await until(async () => (await api("GET", "/me", access_token)).status === 401, "the token to be refused", 1_000);
    await expect(openid.refreshTokenGrant(given.config, refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
    const { config, finish } = await signIn(client, ada);
    const again = await finish();
    expect((await api("GET", "/me", again.access_token)).status).toBe(200);
    expect((await api("DELETE", `/oauth/clients/${client.id}`, ada.token)).status).toBe(200);
    await until(async () => (await api("GET", "/me", again.access_token)).status === 401, "the token to be refused", 1_000);
    await expect(openid.refreshTokenGrant(config, again.refresh_token!)).rejects.toMatchObject({ status: 401 });
  });

  test("loses what a person gave it when that person ends all their sessions, or loses their place in the organisation", async () => {
    const bob = await signUp("bob");
    const client = await register(bob, { kind: "web", redirectUris: [redirectUri], permissions: ["org:read"] });
    const { config, finish } = await signIn(client, bob);
    const { access_token, refresh_token } = await finish();
    expect((await api("GET", "/me", access_token)).status).toBe(200);
    expect((await api("DELETE", "/auth/sessions?current=true", bob.token)).status).toBe(200);
    await until(async () => (await api("GET", "/me", access_token)).status === 401, "the token to be refused", 1_000);
    await expect(openid.refreshTokenGrant(config, refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
    const again = await (await signIn(client, bob)).finish();
    await database.admin.query("update auth.users set is_active = false where id = $1", [bob.userId]);
    await expect(openid.refreshTokenGrant(config, again.refresh_token!)).rejects.toMatchObject({ error: "invalid_grant" });
  });

  test("that is a native program proves itself by PKCE alone", async () => {
    const { finish } = await signIn(await register(ada, { kind: "native", redirectUris: [redirectUri], permissions: ["org:read"] }), ada);
    expect((await api("GET", "/me", (await finish()).access_token)).status).toBe(200);
  });

  test("acts for its organisation by client credentials, within what it was registered for", async () => {
    const client = await register(ada, { kind: "service", permissions: ["org:read", "keys:read"] });
    const config = await party(client);
    const { access_token } = await openid.clientCredentialsGrant(config, { scope: "org:read" });
    expect(await (await api("GET", "/me", access_token)).json()).toMatchObject({
      data: { tenantId: ada.tenantId, subject: expect.stringMatching(/^token:/), permissions: ["org:read"], user: null },
    });
    expect((await api("GET", "/keys", access_token)).status).toBe(403);
    await expect(openid.clientCredentialsGrant(config, { scope: "keys:write" })).rejects.toMatchObject({ error: "invalid_scope" });
    const impostor = await party({ ...client, clientSecret: "lgc_wrong" });
    await expect(openid.clientCredentialsGrant(impostor, {})).rejects.toMatchObject({ status: 401 });
  });

  test("learns when the person does not agree, and gets nothing without PKCE or for another address", async () => {
    const client = await web();
    const config = await party(client);
    const wish = { redirect_uri: redirectUri, scope: "openid", state: "s", code_challenge: "a".repeat(43), code_challenge_method: "S256" };
    const browser = new Browser(redirectUri);
    const login = await browser.open(openid.buildAuthorizationUrl(config, wish).href);
    const back = new URL((await browser.submit(login, 1)).left!);
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: "access_denied", state: "s" });
    const { code_challenge: _challenge, code_challenge_method: _method, ...bare } = wish;
    const refused = (await browser.open(openid.buildAuthorizationUrl(config, bare).href)).left!;
    expect(new URL(refused).searchParams.get("error")).toBe("invalid_request");
    const elsewhere = await browser.open(openid.buildAuthorizationUrl(config, { ...wish, redirect_uri: "http://127.0.0.1:9/other" }).href);
    expect([elsewhere.status, elsewhere.left]).toEqual([400, undefined]);
    expect(elsewhere.text).toContain('role="alert"');
  });
});

describe("The sign-in page", () => {
  const start = async (client: Client) => {
    const config = await party(client);
    const wish = { redirect_uri: redirectUri, scope: "openid", code_challenge: "a".repeat(43), code_challenge_method: "S256" };
    return openid.buildAuthorizationUrl(config, wish).href;
  };

  test("tells a wrong password and another organisation's person apart from a member, without letting either in", async () => {
    const browser = new Browser(redirectUri);
    const login = await browser.open(await start(await web()));
    const wrong = await browser.submit(login, 0, { email: ada.email, password: "something else entirely" });
    expect([wrong.status, wrong.left]).toEqual([401, undefined]);
    expect(wrong.text).toMatch(/role="alert">E-mail or password is wrong/);
    const stranger = await browser.submit(login, 0, { email: mallory.email, password });
    expect(stranger.status).toBe(403);
    const member = await browser.submit(login, 0, { email: ada.email, password });
    expect(member.text).toContain("Allow Asset &lt;viewer&gt;?");
  });

  test("asks for the second factor of who has one, and takes a recovery code for it once", async () => {
    const eve = await signUp("eve");
    const client = await register(eve, { kind: "web", redirectUris: [redirectUri] });
    const { secret } = ((await (await api("POST", "/auth/authenticator", eve.token, {})).json()) as { data: { secret: string } }).data;
    const confirmed = await api("POST", "/auth/authenticator/confirm", eve.token, { code: codeOf(secret) });
    const { recoveryCodes } = ((await confirmed.json()) as { data: { recoveryCodes: string[] } }).data;
    const signInWith = async (code: string) => {
      const browser = new Browser(redirectUri);
      const login = await browser.open(await start(client));
      const second = await browser.submit(login, 0, { email: eve.email, password });
      expect(second.text).toContain("Your second factor");
      return { browser, ...(await browser.submit(second, 0, { code })) };
    };
    const wrong = await signInWith("000000");
    expect([wrong.status, wrong.text.includes('role="alert"')]).toEqual([401, true]);
    const right = await wrong.browser.submit(wrong, 0, { code: recoveryCodes[0]! });
    expect(right.text).toContain("Allow Asset &lt;viewer&gt;?");
    expect((await signInWith(recoveryCodes[0]!)).status).toBe(401);
  });

  test("belongs to the browser that it was made for", async () => {
    const login = await new Browser(redirectUri).open(await start(await web()));
    const thief = await new Browser(redirectUri).submit(login, 0, { email: ada.email, password });
    expect(thief.status).toBe(400);
  });
});

describe("A client's registration", () => {
  test("names every redirect URI that codes must not be sent to", async () => {
    const redirectUris = ["http://example.com/cb", "https://example.com/#x", "https://a:b@example.com/", "nonsense", "com.example.app:/cb"];
    const answer = await api("POST", "/oauth/clients", ada.token, { name: "x", kind: "web", redirectUris });
    expect(answer.status).toBe(422);
    const { errors } = (await answer.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual(redirectUris.map((_, i) => `/redirectUris/${i}`));
  });

  test("is seen and ended by its own organisation alone, and its secret is shown once", async () => {
    const client = await web();
    expect(client.clientSecret).toMatch(/^lgc_/);
    const list = await (await api("GET", "/oauth/clients", ada.token)).text();
    expect(list).toContain(client.id);
    expect(list).not.toContain(client.clientSecret);
    expect(await (await api("GET", "/oauth/clients", mallory.token)).text()).not.toContain(client.id);
    expect((await api("DELETE", `/oauth/clients/${client.id}`, mallory.token)).status).toBe(404);
    const { rows } = await database.admin.query("select encode(sealed, 'escape') as sealed from auth.oidc_records");
    expect(JSON.stringify(rows)).not.toMatch(/lgo_|"scope"|org:read/);
  });

  test("gives no more than its maker has", async () => {
    const { key } = (
      (await (await api("POST", "/keys", ada.token, { name: "k", permissions: ["keys:write"] })).json()) as { data: { key: string } }
    ).data;
    const answer = await api("POST", "/oauth/clients", key, { name: "x", kind: "service", permissions: ["payment:write"] });
    expect(await answer.json()).toMatchObject({ status: 403, code: "PERMISSION_NOT_HELD", permissions: ["payment:write"] });
  });
});

test("Tokens that nobody made are refused with 401 at the provider and at the API", async () => {
  for (const token of ["lgo_", "lgo_x", `lgo_${"A".repeat(43)}`, `lgo_${"%00".repeat(20)}`]) {
    expect((await api("GET", "/me", token)).status).toBe(401);
    expect((await fetch(`${url}/oidc/me`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  }
});
