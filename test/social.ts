import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";

/** Who signs in at the providers. */
export interface Visitor {
  id: number;
  email: string;
  verified: boolean;
  /** The organisation at Microsoft that they belong to. */
  tenant: string;
}

/** What goes wrong with the next answers, until it is taken away. */
export type Fault = "nonce" | "audience" | "issuer" | "expired" | "signature" | "denied" | "hang" | "huge" | "down" | undefined;

export interface Providers {
  url: string;
  visitor: Visitor;
  fault: Fault;
  /** Requests to the endpoints where codes become tokens. */
  exchanges: number;
  /** What a browser does at the address that a sign-in was begun with: the visitor agrees. @returns the query that it comes back with */
  visit(address: string): Promise<string>;
  close(): Promise<void>;
}

const client = { id: "legendo", secret: "the client's secret" };
export const socialClient = client;

interface Code {
  nonce: string | null;
  challenge: string;
  redirectUri: string;
  visitor: Visitor;
}

/**
 * Small servers that speak as Google (/google), Microsoft (/common/v2.0, in the name of its real address) and GitHub (/login, /api/v3) do, as far
 * as a sign-in needs it: codes work once, for their redirect address, with PKCE and the client's secret.
 */
export async function startProviders(): Promise<Providers> {
  const keys = await generateKeyPair("RS256");
  const other = await generateKeyPair("RS256");
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: "spec", alg: "RS256", use: "sig" };
  const codes = new Map<string, Code>();
  const tokens = new Map<string, Visitor>();
  const microsoft = "https://login.microsoftonline.com";

  const described = (base: string, issuer: string) => ({
    issuer,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}/token`,
    jwks_uri: `${base}/jwks`,
    response_types_supported: ["code"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"],
  });

  function authorize(url: URL, response: ServerResponse): void {
    const asked = url.searchParams;
    const back = new URL(asked.get("redirect_uri")!);
    back.searchParams.set("state", asked.get("state")!);
    if (providers.fault === "denied") back.searchParams.set("error", "access_denied");
    else {
      const code = randomUUID();
      const [nonce, challenge] = [asked.get("nonce"), asked.get("code_challenge")!];
      codes.set(code, { nonce, challenge, redirectUri: asked.get("redirect_uri")!, visitor: { ...providers.visitor } });
      back.searchParams.set("code", code);
    }
    response.writeHead(302, { location: back.href }).end();
  }

  /** The code's entry, used up, when everything is as it has to be. */
  async function exchanged(request: IncomingMessage): Promise<Code | undefined> {
    providers.exchanges++;
    const form = new URLSearchParams(await text(request));
    const [, basic = ""] = /^Basic (.*)$/.exec(request.headers.authorization ?? "") ?? [];
    const [id = "", secret = ""] = basic ? Buffer.from(basic, "base64").toString().split(":").map(decode) : [];
    const named = [form.get("client_id") ?? id, form.get("client_secret") ?? secret];
    const code = codes.get(form.get("code") ?? "");
    codes.delete(form.get("code") ?? "");
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const right = named[0] === client.id && named[1] === client.secret && code?.challenge === challenge;
    return right && code.redirectUri === form.get("redirect_uri") ? code : undefined;
  }

  async function idToken({ nonce, visitor }: Code, issuer: string, claims: object): Promise<string> {
    const { fault } = providers;
    const key: CryptoKey = fault === "signature" ? other.privateKey : keys.privateKey;
    const seconds = Math.floor(Date.now() / 1000) - (fault === "expired" ? 7_200 : 0);
    return await new SignJWT({
      email: visitor.email,
      given_name: "Ada",
      family_name: "Lovelace",
      ...claims,
      nonce: fault === "nonce" ? "another" : nonce,
    })
      .setProtectedHeader({ alg: "RS256", kid: "spec" })
      .setIssuer(fault === "issuer" ? "https://issuer.example" : issuer)
      .setAudience(fault === "audience" ? "another" : client.id)
      .setSubject(`subject-${visitor.id}`)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + 600)
      .sign(key);
  }

  const json = (response: ServerResponse, status: number, body: unknown) =>
    void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));

  async function token(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const code = await exchanged(request);
    const access = randomUUID();
    if (code) tokens.set(access, code.visitor);
    // GitHub says so with 200.
    if (!code) return json(response, path.startsWith("/login") ? 200 : 400, { error: "invalid_grant" });
    if (path.startsWith("/login"))
      return json(response, 200, { access_token: access, token_type: "bearer", scope: "read:user,user:email" });
    const { tenant, verified } = code.visitor;
    const signed = path.startsWith("/common")
      ? await idToken(code, `${microsoft}/${tenant}/v2.0`, { tid: tenant, ...(verified && { xms_edov: "1" }) })
      : await idToken(code, `${providers.url}/google`, { email_verified: verified });
    json(response, 200, { access_token: access, token_type: "Bearer", expires_in: 300, id_token: signed });
  }

  function github(request: IncomingMessage, response: ServerResponse, path: string): void {
    const visitor = tokens.get(/^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1] ?? "");
    if (!visitor) return json(response, 401, { message: "Bad credentials" });
    if (path === "/api/v3/user") return json(response, 200, { id: visitor.id, login: "ada", name: "Ada Lovelace" });
    const { email, verified } = visitor;
    json(response, 200, [
      { email: "other@elsewhere.example", primary: false, verified: true, visibility: null },
      { email, primary: true, verified, visibility: "private" },
    ]);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, "http://127.0.0.1");
    const path = url.pathname;
    const { fault } = providers;
    if (fault === "down") return json(response, 503, { message: "down" });
    if (path.endsWith("/authorize")) return authorize(url, response);
    if (fault === "hang") return;
    if (fault === "huge") return void response.writeHead(200, { "content-type": "application/json" }).end(`"${"x".repeat(2 << 20)}"`);
    if (path === "/google/.well-known/openid-configuration")
      return json(response, 200, described(`${providers.url}/google`, `${providers.url}/google`));
    if (path === "/common/v2.0/.well-known/openid-configuration")
      return json(response, 200, described(`${microsoft}/common`, `${microsoft}/{tenantid}/v2.0`));
    if (path.endsWith("/jwks")) return json(response, 200, { keys: [jwk] });
    if (path.endsWith("/token") || path === "/login/oauth/access_token") return await token(request, response, path);
    if (path.startsWith("/api/v3/")) return github(request, response, path);
    json(response, 404, { message: "not found" });
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const providers: Providers = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visitor: { id: 1, email: "ada@example.com", verified: true, tenant: randomUUID() },
    fault: undefined,
    exchanges: 0,
    async visit(address) {
      const response = await fetch(address.replace(microsoft, providers.url), { redirect: "manual" });
      return new URL(response.headers.get("location")!).search.slice(1);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return providers;
}

const decode = (part: string) => decodeURIComponent(part.replaceAll("+", " "));
