import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import type { ProviderSettings } from "../../../config/social.ts";
import { freePort } from "../../../scripts/servers/memory.ts";
import { Browser } from "../../../test/browser.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";
import { socialClient, startProviders, type Providers } from "../../../test/social.ts";
import { boundedFetch } from "./bounded.ts";
import { openidProvider } from "./openid.ts";
import type { Checks } from "./provider.ts";

const password = "correct horse battery staple";
const client = { clientId: socialClient.id, clientSecret: socialClient.secret };
let database: TestDatabase;
let providers: Providers;
let node: TestNode;
let broker: ServiceBroker;
let url: string;

beforeAll(async () => {
  providers = await startProviders();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const configured: ProviderSettings[] = [
    { id: "google", kind: "oidc", name: "Google", issuer: `${providers.url}/google`, ...client },
    { id: "github", kind: "github", issuer: providers.url, ...client },
  ];
  Object.assign(process.env, { PORT: String(port), PUBLIC_URL: url, LOG_LEVEL: "fatal", SOCIAL_PROVIDERS: JSON.stringify(configured) });
  database = await testDatabase();
  node = await testNode(["auth", "api"], database);
  broker = node.broker;
});
afterAll(async () => {
  await node?.stop();
  await providers?.close();
  await database?.drop();
});

let visitors = 0;
const visitor = (change: object = {}) => {
  const id = ++visitors;
  return { id, email: `visitor-${id}@example.com`, verified: true, tenant: randomUUID(), ...change };
};
beforeEach(() => void Object.assign(providers, { visitor: visitor(), fault: undefined }));

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
const signUp = (email: string, organisation = "acme") => call(broker, "auth.organisations.create", { organisation, email, password });
const confirm = (email: string) => database.admin.query("update auth.users set email_confirmed_at = now() where email = $1", [email]);
const accounts = async (email: string) =>
  (await database.admin.query<{ n: number }>("select count(*)::int as n from auth.users where email = $1", [email])).rows[0]!.n;

/** A browser's way to a provider and back. */
async function away(provider: string, organisation?: string) {
  const begun = await call(broker, "auth.social.begin", { provider, ...(organisation && { organisation }) });
  return { handle: begun.handle, query: await providers.visit(begun.url) };
}
const signIn = async (provider: string, organisation?: string, more: { tenantId?: string } = {}) =>
  call(broker, "auth.social.finish", { ...(await away(provider, organisation)), ...more });
/** The same for who is signed in. */
async function link(token: string, provider: string) {
  const begun = await as(token, "auth.social.link", { provider });
  return as(token, "auth.social.join", { handle: begun.handle, query: await providers.visit(begun.url) });
}

describe("sign-in by another provider", () => {
  it("lists the providers, and knows no others", async () => {
    expect(await call(broker, "auth.social.providers", {})).toEqual([
      { id: "google", name: "Google" },
      { id: "github", name: "GitHub" },
    ]);
    await expect(call(broker, "auth.social.begin", { provider: "other" })).rejects.toMatchObject({ type: "PROVIDER_NOT_FOUND", code: 404 });
  });

  it.each(["google", "github"])(
    "makes an account with an organisation for a newcomer of %s, and knows them when they come again",
    async (provider) => {
      await expect(signIn(provider)).rejects.toMatchObject({ type: "SOCIAL_ACCOUNT_UNKNOWN", code: 403 });
      const first = await signIn(provider, "Analytical engines");
      expect(first.organisations).toEqual([{ tenantId: first.tenantId, name: "Analytical engines", role: "owner" }]);
      expect(await as(first.token, "auth.me", {})).toMatchObject({
        user: { email: providers.visitor.email, firstName: expect.stringMatching(/^Ada/) },
      });
      // Their address at the provider may change; they are the same.
      providers.visitor.email = `changed-${providers.visitor.email}`;
      const second = await signIn(provider, "Another one");
      expect(second.organisations).toEqual(first.organisations);
      expect(second.sessionId).not.toBe(first.sessionId);
      expect(await accounts(providers.visitor.email)).toBe(0);
      const { email } = providers.visitor;
      await expect(call(broker, "auth.login", { email: email.replace("changed-", ""), password: "!" })).rejects.toMatchObject({
        type: "UNAUTHENTICATED",
      });
    },
  );

  it("links to an account of the same address when both know it to be theirs: two providers, one account, and no other organisation", async () => {
    const { email } = providers.visitor;
    const [ada, other] = [await signUp(email), await signUp(`other-${email}`, "other")];
    await confirm(email);
    providers.visitor.email = email.toUpperCase();
    for (const provider of ["google", "github"])
      expect((await signIn(provider, "unused")).organisations).toMatchObject([{ tenantId: ada.tenantId }]);
    const identities = await as(ada.token, "auth.social.identities", {});
    expect(identities.map(({ provider, issuer }) => [provider, issuer])).toEqual([
      ["github", providers.url],
      ["google", `${providers.url}/google`],
    ]);
    expect(await as(other.token, "auth.social.identities", {})).toEqual([]);
    await expect(signIn("google", undefined, { tenantId: other.tenantId })).rejects.toMatchObject({ type: "FORBIDDEN" });
    const acts = await until(
      async () => {
        const { data } = await as(ada.token, "auth.audit.list", { action: "identity.linked" });
        return data.length === 2 && data;
      },
      "both links in the audit log",
      30_000,
    );
    expect(acts.map(({ details, userId }) => [details, userId])).toEqual([
      [{ provider: "github" }, ada.userId],
      [{ provider: "google" }, ada.userId],
    ]);
  });

  it("takes nobody's account: not by an address that the provider has not verified, and not one whose own address is not confirmed", async () => {
    const { email } = providers.visitor;
    await signUp(email);
    for (const provider of ["google", "github"]) {
      providers.visitor.verified = false;
      await expect(signIn(provider, "mine")).rejects.toMatchObject({ type: "SOCIAL_ADDRESS_UNVERIFIED", code: 403 });
      providers.visitor.verified = true;
      await expect(signIn(provider, "mine")).rejects.toMatchObject({ type: "SOCIAL_ACCOUNT_UNCONFIRMED", code: 409 });
    }
    await confirm(email);
    expect((await signIn("google")).organisations).toMatchObject([{ name: "acme" }]);
  });

  it("makes one account of a newcomer who comes twice at the same time", async () => {
    const ways = [await away("google", "one"), await away("google", "two")];
    const met = await Promise.allSettled(ways.map((way) => call(broker, "auth.social.finish", way)));
    expect(met.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(1);
    expect(await accounts(providers.visitor.email)).toBe(1);
    expect((await signIn("google")).organisations).toHaveLength(1);
  });

  it("takes what a browser came back with once, and from that browser alone", async () => {
    const [mine, theirs] = [await away("google", "acme"), await away("google", "acme")];
    const { exchanges } = providers;
    for (const stolen of [
      { handle: theirs.handle, query: mine.query },
      { handle: mine.handle, query: theirs.query },
      { handle: mine.handle, query: "" },
    ])
      await expect(call(broker, "auth.social.finish", stolen)).rejects.toMatchObject({ type: "CHALLENGE_INVALID", code: 401 });
    expect(providers.exchanges).toBe(exchanges);
    // Nothing was used up by that.
    const met = await Promise.allSettled(Array.from({ length: 5 }, () => call(broker, "auth.social.finish", mine)));
    expect(met.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await expect(call(broker, "auth.social.finish", mine)).rejects.toMatchObject({ type: "CHALLENGE_INVALID" });
    expect(providers.exchanges).toBe(exchanges + 1);
  });

  it.each([
    ["nonce", "nonce"],
    ["audience", "aud"],
    ["issuer", "iss"],
    ["expired", expect.any(String)],
    ["signature", expect.any(String)],
    ["denied", "access_denied"],
  ] as const)("refuses an answer with a wrong %s, says why, and makes nothing of it", async (fault, reason) => {
    const begun = await call(broker, "auth.social.begin", { provider: "google", organisation: "acme" });
    providers.fault = fault;
    const query = await providers.visit(begun.url);
    await expect(call(broker, "auth.social.finish", { handle: begun.handle, query })).rejects.toMatchObject({
      ...{ type: "SOCIAL_REFUSED", code: 401 },
      data: { provider: "google", reason },
    });
    expect(await accounts(providers.visitor.email)).toBe(0);
  });

  it("refuses a code that is not the provider's, also from GitHub, which says so with 200", async () => {
    for (const provider of ["google", "github"]) {
      const way = await away(provider, "acme");
      const query = way.query.replace(/code=[\w-]+/, "code=made-up");
      await expect(call(broker, "auth.social.finish", { ...way, query })).rejects.toMatchObject({
        type: "SOCIAL_REFUSED",
        data: { provider },
      });
    }
  });

  it("says that a provider can't be asked when it is down or sends without end, and goes on when it is back", async () => {
    for (const fault of ["down", "huge"] as const) {
      const way = await away("github", "acme");
      providers.fault = fault;
      await expect(call(broker, "auth.social.finish", way)).rejects.toMatchObject({ type: "SOCIAL_UNREACHABLE", code: 502 });
      providers.fault = undefined;
    }
    expect(await signIn("github", "acme")).toMatchObject({ organisations: [{ name: "acme" }] });
  });

  it("asks for the second factor of who has one", async () => {
    const { tenantId } = await signIn("google", "acme");
    await database.admin.query(
      `insert into auth.passkeys (id, user_id, credential_id, public_key, counter, transports, name, aaguid, synced)
       select gen_random_uuid(), user_id, $1, '\\x00', 0, '{}', 'spec', '', false from auth.memberships where tenant_id = $2`,
      [randomUUID(), tenantId],
    );
    await expect(signIn("google")).rejects.toMatchObject({ type: "SECOND_FACTOR_NEEDED", data: { accepts: ["passkey"] } });
  });
});

describe("providers of one's own account", () => {
  it("are linked by who is signed in, whatever the address, and belong to one account", async () => {
    const [ada, bob] = [await signUp(`ada-${visitors}@example.com`), await signUp(`bob-${visitors}@example.com`)];
    Object.assign(providers.visitor, { email: "elsewhere@example.com", verified: false });
    expect(await link(ada.token, "github")).toMatchObject({ provider: "github", email: "elsewhere@example.com" });
    await expect(link(bob.token, "github")).rejects.toMatchObject({ type: "IDENTITY_TAKEN", code: 409 });
    expect((await signIn("github")).organisations).toMatchObject([{ tenantId: ada.tenantId }]);
  });

  it("are not linked by another person's way, and a way to link is none to sign in", async () => {
    const [ada, bob] = [await signUp(`ada-${visitors}@example.com`), await signUp(`bob-${visitors}@example.com`)];
    const begun = await as(ada.token, "auth.social.link", { provider: "google" });
    const way = { handle: begun.handle, query: await providers.visit(begun.url) };
    await expect(as(bob.token, "auth.social.join", way)).rejects.toMatchObject({ type: "CHALLENGE_INVALID" });
    const again = await as(ada.token, "auth.social.link", { provider: "google" });
    const other = { handle: again.handle, query: await providers.visit(again.url) };
    await expect(call(broker, "auth.social.finish", other)).rejects.toMatchObject({ type: "CHALLENGE_INVALID" });
    await expect(as(bob.token, "auth.social.join", await away("google"))).rejects.toMatchObject({ type: "CHALLENGE_INVALID" });
    for (const who of [ada, bob]) expect(await as(who.token, "auth.social.identities", {})).toEqual([]);
  });

  it("are taken away, but never the last way in, though two go at the same time", async () => {
    const { token } = await signIn("google", "acme");
    await link(token, "github");
    const other = await signUp(`other-${visitors}@example.com`);
    const ids = (await as(token, "auth.social.identities", {})).map(({ id }) => id);
    await expect(as(other.token, "auth.social.unlink", { id: ids[0]! })).rejects.toMatchObject({ type: "IDENTITY_NOT_FOUND", code: 404 });
    const met = await Promise.allSettled(ids.map((id) => as(token, "auth.social.unlink", { id })));
    expect(met.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    const [left, ...more] = await as(token, "auth.social.identities", {});
    expect(more).toEqual([]);
    await expect(as(token, "auth.social.unlink", { id: left!.id })).rejects.toMatchObject({ type: "LAST_WAY_IN", code: 409 });
    // With a password it is not the last one.
    await link(other.token, left!.provider === "google" ? "github" : "google");
    const [theirs] = await as(other.token, "auth.social.identities", {});
    await as(other.token, "auth.social.unlink", { id: theirs!.id });
    expect(await as(other.token, "auth.social.identities", {})).toEqual([]);
  });
});

describe("providers' own ways", () => {
  const redirectUri = "http://127.0.0.1:9/callback";
  const checks = (): Checks => ({ state: randomUUID(), nonce: randomUUID(), verifier: randomUUID() + randomUUID() });
  const elsewhere = (options?: Parameters<typeof boundedFetch>[0]) => {
    const bounded = boundedFetch(options);
    return ((address, init) => bounded(address.replace("https://login.microsoftonline.com", providers.url), init)) as typeof bounded;
  };
  const microsoft = (options?: Parameters<typeof boundedFetch>[0]) =>
    openidProvider({ id: "microsoft", kind: "microsoft", ...client }, elsewhere(options));

  it("Microsoft's: each organisation is an issuer of its own, and only xms_edov makes an address count as verified", async () => {
    const provider = microsoft();
    const come = async () => {
      const made = checks();
      const start = await provider.start(redirectUri, made);
      expect(start.href).toMatch(/^https:\/\/login\.microsoftonline\.com\/common\/authorize\?/);
      return await provider.finish(new URL(`${redirectUri}?${await providers.visit(start.href)}`), made);
    };
    for (const verified of [true, false]) {
      providers.visitor = visitor({ verified });
      const { id, email, tenant } = providers.visitor;
      const issuer = `https://login.microsoftonline.com/${tenant}/v2.0`;
      expect(await come()).toEqual({ issuer, subject: `subject-${id}`, email, verified, firstName: "Ada", lastName: "Lovelace" });
    }
    providers.fault = "issuer";
    await expect(come()).rejects.toMatchObject({ type: "SOCIAL_REFUSED", data: { reason: "iss" } });
  });

  it("a provider that never answers is given up, and asked again the next time", async () => {
    const provider = microsoft({ limitMs: 300, most: 1 << 20 });
    providers.fault = "hang";
    await expect(provider.start(redirectUri, checks())).rejects.toMatchObject({ type: "SOCIAL_UNREACHABLE", retryable: true });
    providers.fault = undefined;
    expect((await microsoft().start(redirectUri, checks())).searchParams.get("scope")).toBe("openid email profile");
  });

  it("our own provider's, as an outside one: code, PKCE and nonce, with the address from where it keeps it", async () => {
    const email = `owner-${visitors}@example.com`;
    const owner = await signUp(email);
    const ask = { name: "spec", kind: "web" as const, redirectUris: [redirectUri] };
    const registered = await as(owner.token, "auth.clients.create", ask);
    const settings = {
      id: "own",
      kind: "oidc" as const,
      issuer: `${url}/oidc`,
      clientId: registered.id,
      clientSecret: registered.clientSecret!,
    };
    const provider = openidProvider(settings);
    for (const verified of [false, true]) {
      if (verified) await confirm(email);
      const made = checks();
      const start = await until(() => provider.start(redirectUri, made).catch(() => undefined), "the provider to answer");
      const browser = new Browser(redirectUri);
      const consent = await browser.submit(await browser.open(start.href), 0, { email, password });
      const back = new URL(consent.left ?? (await browser.submit(consent, 0)).left!);
      expect(await provider.finish(back, made)).toMatchObject({ issuer: settings.issuer, subject: owner.userId, email, verified });
    }
  });
});
