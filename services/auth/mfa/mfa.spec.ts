import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { decodeJwt } from "jose";
import type { ServiceBroker } from "moleculer";
import { AuthenticatorEmulator, PasskeysCredentialsMemoryRepository, WebAuthnEmulator } from "nid-webauthn-emulator";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import { bytesOf, codeOf } from "../../../test/authenticator.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { until } from "../../../test/edge.ts";
import { testNode, type TestNode } from "../../../test/node.ts";
import type { FactorAsked } from "./ask.ts";
import type { Assertion, CreationOptions, Registration, RequestOptions } from "./ceremony.ts";

const password = "correct horse battery staple";
const origin = "https://sync.example";
const folder = mkdtempSync(join(tmpdir(), "legendo-factors-"));
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;

beforeAll(async () => {
  database = await testDatabase();
  Object.assign(process.env, { PUBLIC_URL: origin, MAIL_FOLDER: folder });
  node = await testNode(["auth", "notification"], database);
  broker = node.broker;
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  rmSync(folder, { recursive: true, force: true });
});

const ask = <N extends ActionName>(name: N, params: ActionMap[N]["params"], claim?: string) =>
  call(broker, name, params, claim === undefined ? {} : { meta: { claim } });
/** What a refusal says. */
const refusal = async (work: Promise<unknown>) => {
  const error = (await work.then(
    () => undefined,
    (error: unknown) => error,
  )) as { type: string; code: number; data?: Record<string, unknown> } | undefined;
  return { type: error?.type, code: error?.code, data: error?.data };
};

let made = 0;
async function signUp() {
  const email = `person${++made}@example.com`;
  const { userId } = await ask("auth.organisations.create", { organisation: `Organisation ${made}`, email, password });
  const login = () => ask("auth.login", { email, password });
  return { email, userId, login, ...(await login()) };
}
type SignedUp = Awaited<ReturnType<typeof signUp>>;

/** Lets the same code be used once more: a test can't wait for the next step. */
const forgetStep = (userId: string) => database.admin.query(`update auth.totp_factors set last_step = 0 where user_id = $1`, [userId]);
const ageProof = (sessionId: string, minutes: number) =>
  database.admin.query(`update auth.sessions set authenticated_at = authenticated_at - $2 * interval '1 minute' where id = $1`, [
    sessionId,
    minutes,
  ]);

async function withApp(who: SignedUp) {
  const { secret, uri } = await ask("auth.authenticator.create", {}, who.token);
  const enrolled = await ask("auth.authenticator.confirm", { code: codeOf(secret) }, who.token);
  return { ...who, secret, uri, ...enrolled };
}

/** A browser with an authenticator of its own, which checks who uses it unless said otherwise. */
function browser({ uv = true } = {}): WebAuthnEmulator {
  const interaction = <U>(user: U) => ({ user, options: { uv, up: true } });
  const credentialsRepository = new PasskeysCredentialsMemoryRepository();
  return new WebAuthnEmulator(
    new AuthenticatorEmulator({
      credentialsRepository,
      verifications: { userVerified: true, userPresent: true },
      userMakeCredentialInteraction: interaction,
      userGetAssertionInteraction: interaction,
    }),
  );
}
const make = (at: WebAuthnEmulator, options: CreationOptions, from = origin) => at.createJSON(from, options) as Registration;
const use = (at: WebAuthnEmulator, options: RequestOptions, from = origin) => at.getJSON(from, options) as Assertion;

async function withPasskey(token: string, at: WebAuthnEmulator, name = "Key") {
  const begun = await ask("auth.passkeys.options", {}, token);
  return await ask("auth.passkeys.create", { token: begun.token, name, passkey: make(at, begun.options) }, token);
}
/** What sign-in asks for after the password. */
async function asked(who: { login: () => Promise<unknown> }): Promise<FactorAsked> {
  const { type, code, data } = await refusal(who.login());
  expect({ type, code }).toEqual({ type: "SECOND_FACTOR_NEEDED", code: 401 });
  return data as unknown as FactorAsked;
}

describe("an authenticator app", () => {
  it("counts after its first code, comes with ten recovery codes, and is asked for at sign-in", async () => {
    const ann = await signUp();
    const { secret, uri } = await ask("auth.authenticator.create", {}, ann.token);
    expect(uri).toContain(`secret=${secret}`);
    await expect(ann.login()).resolves.toMatchObject({ token: expect.any(String) });
    expect(await refusal(ask("auth.authenticator.confirm", { code: codeOf(secret, 5) }, ann.token))).toMatchObject({
      type: "SECOND_FACTOR_WRONG",
      code: 401,
    });
    const { token, recoveryCodes } = await ask("auth.authenticator.confirm", { code: codeOf(secret) }, ann.token);
    expect(new Set(recoveryCodes)).toHaveProperty("size", 10);
    expect(decodeJwt(token)).toMatchObject({ amr: ["pwd", "otp", "mfa"], sf: "enrolled", sid: ann.sessionId });
    const question = await asked(ann);
    expect(question.accepts).toEqual(["code", "recoveryCode"]);
    expect(question).not.toHaveProperty("passkeyOptions");
    // The code that confirmed it was used.
    expect(await refusal(ask("auth.mfa.prove", { token: question.token, code: codeOf(secret) }))).toMatchObject({
      type: "SECOND_FACTOR_WRONG",
    });
    const signedIn = await ask("auth.mfa.prove", { token: question.token, code: codeOf(secret, 1) });
    expect(decodeJwt(signedIn.token)).toMatchObject({ uid: ann.userId, amr: ["pwd", "otp", "mfa"], sf: "enrolled" });
    expect(signedIn.organisations).toHaveLength(1);
    expect(await refusal(ask("auth.mfa.prove", { token: question.token, code: codeOf(secret, 1) }))).toMatchObject({
      type: "CHALLENGE_INVALID",
    });
    expect(await ask("auth.mfa.get", {}, signedIn.token)).toEqual({ authenticator: true, passkeys: 0, recoveryCodes: 10 });
  });

  it("is stored sealed, and wrapped by another master key by a walk over all", async () => {
    const ann = await withApp(await signUp());
    const { rows } = await database.admin.query<{ text: string }>(`select f::text as text from auth.totp_factors f where user_id = $1`, [
      ann.userId,
    ]);
    expect(rows[0]!.text).not.toContain(bytesOf(ann.secret).toString("hex"));
    const { serviceClaim } = await import("../../../mixins/claim.ts");
    const claim = await serviceClaim(process.env["CLUSTER_SECRET"]!, "repl", ann.tenantId);
    const { rewrapped, failed } = await ask("auth.authenticator.rewrap", { all: true }, claim);
    expect({ failed, some: rewrapped > 0 }).toEqual({ failed: [], some: true });
    await ask("auth.mfa.stepUp", { code: codeOf(ann.secret, 1) }, ann.token);
  });

  it("takes no second one beside it, and goes with the recovery codes", async () => {
    const ann = await withApp(await signUp());
    expect(await refusal(ask("auth.authenticator.create", {}, ann.token))).toMatchObject({ type: "CONFLICT" });
    expect(await ask("auth.authenticator.remove", {}, ann.token)).toEqual({ authenticator: false, passkeys: 0, recoveryCodes: 0 });
    expect(decodeJwt((await ann.login()).token)).not.toHaveProperty("sf");
  });

  it("is guessed at slowly: after five wrong codes even the right one has to wait, for its own person alone", async () => {
    const [ann, bob] = [await withApp(await signUp()), await withApp(await signUp())];
    const { token } = await asked(ann);
    const guess = (code: string) => refusal(ask("auth.mfa.prove", { token, code }));
    const wrong = codeOf(ann.secret, 40);
    const guesses = await Promise.all(Array.from({ length: 8 }, () => guess(wrong)));
    expect(guesses.filter(({ type }) => type === "SECOND_FACTOR_WRONG")).toHaveLength(5);
    expect(guesses.filter(({ type, code }) => type === "SIGN_IN_DELAYED" && code === 429)).toHaveLength(3);
    const delayed = await guess(codeOf(ann.secret, 1));
    expect(delayed.type).toBe("SIGN_IN_DELAYED");
    expect(delayed.data).toMatchObject({ retryAfter: expect.any(Number) });
    const question = await asked(bob);
    await ask("auth.mfa.prove", { token: question.token, code: codeOf(bob.secret, 1) });
    await database.admin.query(`update auth.factor_attempts set retry_at = now() where user_id = $1`, [ann.userId]);
    await ask("auth.mfa.prove", { token, code: codeOf(ann.secret, 1) });
  });
});

describe("recovery codes", () => {
  it("sign in once each, however they are typed, and are replaced as a set", async () => {
    const ann = await withApp(await signUp());
    const [first, second] = ann.recoveryCodes!;
    const once = async (recoveryCode: string) => ask("auth.mfa.prove", { token: (await asked(ann)).token, recoveryCode });
    await once(first!.toUpperCase().replaceAll("-", " "));
    expect(await refusal(once(first!))).toMatchObject({ type: "SECOND_FACTOR_WRONG" });
    expect((await ask("auth.mfa.get", {}, ann.token)).recoveryCodes).toBe(9);
    const fresh = await ask("auth.mfa.recoveryCodes", {}, ann.token);
    expect(await refusal(once(second!))).toMatchObject({ type: "SECOND_FACTOR_WRONG" });
    await once(fresh.recoveryCodes[0]!);
    const { rows } = await database.admin.query<{ text: string }>(`select string_agg(c::text, ' ') as text from auth.recovery_codes c`);
    for (const code of fresh.recoveryCodes) expect(rows[0]!.text).not.toContain(code.replaceAll("-", ""));
  });

  it("of one person are none of another's", async () => {
    const [ann, bob] = [await withApp(await signUp()), await withApp(await signUp())];
    expect(await refusal(ask("auth.mfa.prove", { token: (await asked(bob)).token, recoveryCode: ann.recoveryCodes![0]! }))).toMatchObject({
      type: "SECOND_FACTOR_WRONG",
    });
  });
});

describe("a passkey", () => {
  it("is registered with a name, listed, renamed, and is a second factor beside others", async () => {
    const ann = await signUp();
    const [laptop, phone] = [browser(), browser()];
    const first = await withPasskey(ann.token, laptop, "Laptop");
    expect(first.recoveryCodes).toHaveLength(10);
    expect(decodeJwt(first.token)).toMatchObject({ sf: "enrolled", amr: ["pwd", expect.stringMatching(/wk$/), "mfa"] });
    const second = await withPasskey(first.token, phone, "Phone");
    expect(second).not.toHaveProperty("recoveryCodes");
    await ask("auth.passkeys.rename", { id: second.passkey.id, name: "Old phone" }, first.token);
    expect((await ask("auth.passkeys.list", {}, first.token)).map(({ name }) => name)).toEqual(["Old phone", "Laptop"]);
    const question = await asked(ann);
    expect(question.accepts).toEqual(["passkey", "recoveryCode"]);
    const signedIn = await ask("auth.mfa.prove", { token: question.token, passkey: use(phone, question.passkeyOptions!) });
    expect(decodeJwt(signedIn.token)).toMatchObject({ uid: ann.userId, sf: "enrolled" });
    expect((await ask("auth.passkeys.list", {}, signedIn.token))[0]!.lastUsedAt).not.toBeNull();
  });

  it("signs in alone, without address and password, to the person it belongs to", async () => {
    const [ann, bob] = [await signUp(), await signUp()];
    const [annsKey, bobsKey] = [browser(), browser()];
    await withPasskey(ann.token, annsKey);
    await withPasskey(bob.token, bobsKey);
    for (const [who, key] of [
      [bob, bobsKey],
      [ann, annsKey],
    ] as const) {
      const begun = await ask("auth.passkeys.signInOptions", {});
      const passkey = use(key, begun.passkeyOptions);
      const { token, tenantId } = await ask("auth.passkeys.signIn", { token: begun.token, passkey });
      expect({ uid: decodeJwt(token)["uid"], tenantId }).toEqual({ uid: who.userId, tenantId: who.tenantId });
      expect(decodeJwt(token)["amr"]).toContain("mfa");
      expect(await refusal(ask("auth.passkeys.signIn", { token: begun.token, passkey }))).toMatchObject({ type: "CHALLENGE_INVALID" });
    }
  });

  it("is refused for another challenge, from another site, from another person, from a copy, and when it was removed", async () => {
    const [ann, bob] = [await signUp(), await signUp()];
    const key = browser();
    const { passkey, token } = await withPasskey(ann.token, key);
    const begun = () => ask("auth.passkeys.signInOptions", {});
    const signIn = (token: string, passkey: Assertion) => refusal(ask("auth.passkeys.signIn", { token, passkey }));
    const refused = { type: "PASSKEY_REFUSED", code: 401 };
    const [one, other] = [await begun(), await begun()];
    expect(await signIn(other.token, use(key, one.passkeyOptions))).toMatchObject(refused);
    const elsewhere = { ...one.passkeyOptions, rpId: "evil.example" };
    expect(() => use(key, elsewhere, "https://evil.example")).toThrow();
    const forged = use(key, one.passkeyOptions);
    const said = JSON.parse(Buffer.from(forged.response.clientDataJSON, "base64url").toString()) as object;
    const clientDataJSON = Buffer.from(JSON.stringify({ ...said, origin: "https://evil.example" })).toString("base64url");
    expect(await signIn(one.token, { ...forged, response: { ...forged.response, clientDataJSON } })).toMatchObject(refused);
    // Another person's second factor does not take it.
    await withApp(bob);
    const question = await asked(bob);
    const options = { ...one.passkeyOptions, challenge: (await begun()).passkeyOptions.challenge };
    expect(await refusal(ask("auth.mfa.prove", { token: question.token, passkey: use(key, options) }))).toMatchObject(refused);
    // A count of signatures that has been passed: somebody has a copy.
    await database.admin.query(`update auth.passkeys set counter = 1000 where id = $1`, [passkey.id]);
    const late = await begun();
    expect(await signIn(late.token, use(key, late.passkeyOptions))).toMatchObject(refused);
    await database.admin.query(`update auth.passkeys set counter = 0 where id = $1`, [passkey.id]);
    expect(await refusal(ask("auth.passkeys.remove", { id: passkey.id }, bob.token))).toMatchObject({ type: "PASSKEY_NOT_FOUND" });
    await ask("auth.passkeys.remove", { id: passkey.id }, token);
    const gone = await begun();
    expect(await signIn(gone.token, use(key, gone.passkeyOptions))).toMatchObject(refused);
  });

  it("that did not check who uses it is a second factor, and not enough alone", async () => {
    const ann = await signUp();
    const key = browser({ uv: false });
    await withPasskey(ann.token, key);
    const begun = await ask("auth.passkeys.signInOptions", {});
    const lenient = { ...begun.passkeyOptions, userVerification: "discouraged" as const };
    expect(await refusal(ask("auth.passkeys.signIn", { token: begun.token, passkey: use(key, lenient) }))).toMatchObject({
      type: "PASSKEY_REFUSED",
    });
    const question = await asked(ann);
    await ask("auth.mfa.prove", { token: question.token, passkey: use(key, question.passkeyOptions!) });
  });

  it("of one person is neither renamed nor removed by another, and registered once", async () => {
    const [ann, bob] = [await signUp(), await signUp()];
    const key = browser();
    const { passkey } = await withPasskey(ann.token, key);
    for (const work of [
      ask("auth.passkeys.rename", { id: passkey.id, name: "Mine" }, bob.token),
      ask("auth.passkeys.remove", { id: passkey.id }, bob.token),
    ])
      expect(await refusal(work)).toMatchObject({ type: "PASSKEY_NOT_FOUND", code: 404 });
    expect(await ask("auth.passkeys.list", {}, bob.token)).toEqual([]);
    const begun = await ask("auth.passkeys.options", {}, bob.token);
    const registration = make(browser(), begun.options);
    const params = { token: begun.token, name: "x", passkey: registration };
    expect(await refusal(ask("auth.passkeys.create", params, (await signUp()).token))).toMatchObject({ type: "CHALLENGE_INVALID" });
    await ask("auth.passkeys.create", params, bob.token);
    expect(await refusal(ask("auth.passkeys.create", params, bob.token))).toMatchObject({ code: 401 });
  });
});

describe("a step-up", () => {
  it("is asked of who has a second factor before keys are made, and gives the session a fresher token", async () => {
    const ann = await withApp(await signUp());
    await ask("auth.apikeys.create", { name: "at once" }, ann.token);
    await ageProof(ann.sessionId, 11);
    const { token: old } = await ask("auth.sessions.refresh", { refreshToken: ann.refreshToken });
    const { type, code, data } = await refusal(ask("auth.apikeys.create", { name: "later" }, old));
    expect({ type, code, data }).toEqual({ type: "STEP_UP_REQUIRED", code: 401, data: { stepUp: "/api/v1/auth/step-up", maxAge: 600 } });
    await ask("auth.apikeys.list", {}, old);
    expect(await refusal(ask("auth.mfa.stepUp", { password }, old))).toMatchObject({ type: "VALIDATION_FAILED" });
    expect(await refusal(ask("auth.mfa.stepUp", { code: codeOf(ann.secret, 30) }, old))).toMatchObject({ type: "SECOND_FACTOR_WRONG" });
    const { token } = await ask("auth.mfa.stepUp", { code: codeOf(ann.secret, 1) }, old);
    expect(decodeJwt(token)["sid"]).toBe(ann.sessionId);
    await ask("auth.apikeys.create", { name: "later" }, token);
  });

  it("takes a passkey, and the challenge of its own person once", async () => {
    const [ann, bob] = [await signUp(), await signUp()];
    const key = browser();
    const { token } = await withPasskey(ann.token, key);
    const question = await ask("auth.mfa.stepUpOptions", {}, token);
    const proof = { token: question.token, passkey: use(key, question.passkeyOptions!) };
    expect(await refusal(ask("auth.mfa.stepUp", proof, bob.token))).toMatchObject({ type: "CHALLENGE_INVALID" });
    await ask("auth.mfa.stepUp", proof, token);
    expect(await refusal(ask("auth.mfa.stepUp", proof, token))).toMatchObject({ type: "CHALLENGE_INVALID" });
    expect(await refusal(ask("auth.mfa.stepUpOptions", {}, bob.token))).toMatchObject({ code: 404 });
  });

  it("by password lets who has no factor make one, and a stale token alone does not", async () => {
    const ann = await signUp();
    await ageProof(ann.sessionId, 11);
    const { token: old } = await ask("auth.sessions.refresh", { refreshToken: ann.refreshToken });
    await ask("auth.apikeys.create", { name: "no factor, no step-up" }, old);
    expect(await refusal(ask("auth.authenticator.create", {}, old))).toMatchObject({ type: "STEP_UP_REQUIRED" });
    expect(await refusal(ask("auth.mfa.stepUp", { password: "wrong horse battery staple" }, old))).toMatchObject({
      type: "SECOND_FACTOR_WRONG",
    });
    const { token } = await ask("auth.mfa.stepUp", { password }, old);
    await ask("auth.authenticator.create", {}, token);
  });

  it("wants exactly one proof", async () => {
    const { token } = await signUp();
    for (const params of [{}, { password, code: "123456" }])
      expect(await refusal(ask("auth.mfa.stepUp", params, token))).toMatchObject({
        type: "VALIDATION_FAILED",
        data: { faults: [{ pointer: "/code" }] },
      });
  });
});

describe("an organisation that requires a second factor", () => {
  it("leaves members without one nothing but to make it, and asks the others for it", async () => {
    const ann = await signUp();
    const other = await signUp();
    await ask("auth.mfa.require", { required: true }, ann.token);
    const { token: bare } = await ann.login();
    expect(decodeJwt(bare)["sf"]).toBe("missing");
    expect(await refusal(ask("auth.me", {}, bare))).toMatchObject({
      type: "SECOND_FACTOR_MISSING",
      code: 403,
      data: { enrol: expect.any(Array) },
    });
    expect(await refusal(ask("auth.apikeys.list", {}, bare))).toMatchObject({ type: "SECOND_FACTOR_MISSING" });
    await ask("auth.sessions.list", {}, bare);
    const { secret } = await ask("auth.authenticator.create", {}, bare);
    const { token } = await ask("auth.authenticator.confirm", { code: codeOf(secret) }, bare);
    expect(decodeJwt(token)["sf"]).toBe("required");
    await ask("auth.me", {}, token);
    // The session that was opened before the requirement has shown a password alone.
    const { token: weak } = await ask("auth.sessions.refresh", { refreshToken: ann.refreshToken });
    expect(await refusal(ask("auth.me", {}, weak))).toMatchObject({ type: "STEP_UP_REQUIRED" });
    await forgetStep(ann.userId);
    const { token: strong } = await ask("auth.mfa.stepUp", { code: codeOf(secret) }, weak);
    await ask("auth.me", {}, strong);
    // Another organisation has its own rule.
    expect(decodeJwt((await other.login()).token)).not.toHaveProperty("sf");
  });

  it("does not stop services and API keys", async () => {
    const ann = await signUp();
    const { key } = await ask("auth.apikeys.create", { name: "program" }, ann.token);
    await ask("auth.mfa.require", { required: true }, ann.token);
    const { claim } = await ask("auth.verify", { credential: key });
    await ask("auth.me", {}, claim);
    await ask("auth.apikeys.list", {}, claim);
  });
});

describe("every change of a person's factors", () => {
  it("is mailed to that person, with what is different, and no secret", async () => {
    const ann = await withApp(await signUp());
    await ask("auth.mfa.recoveryCodes", {}, ann.token);
    await ask("auth.authenticator.remove", {}, ann.token);
    const mine = () =>
      readdirSync(folder)
        .filter((file) => file.endsWith(".eml"))
        .map((file) => readFileSync(join(folder, file), "utf8"))
        .filter((mail) => mail.includes(`To: ${ann.email}\r\n`) && mail.includes("Your sign-in has changed"));
    await until(() => Promise.resolve(mine().length >= 3), "three mails", 20_000);
    expect(
      mine()
        .map((mail) => /^Subject: (.*)\r$/m.exec(mail)![1])
        .sort(),
    ).toEqual([
      "Your sign-in has changed: an authenticator app was added",
      "Your sign-in has changed: new recovery codes were made",
      "Your sign-in has changed: the authenticator app was removed",
    ]);
    expect(mine().join()).not.toContain(ann.secret);
  });
});

describe("an operator", () => {
  it("takes lost factors away, which ends all sessions", async () => {
    const ann = await withApp(await signUp());
    const { serviceClaim } = await import("../../../mixins/claim.ts");
    const claim = await serviceClaim(process.env["CLUSTER_SECRET"]!, "repl", ann.tenantId);
    expect(await refusal(ask("auth.mfa.reset", { userId: ann.userId }, ann.token))).toMatchObject({ code: 403 });
    expect(await ask("auth.mfa.reset", { userId: ann.userId }, claim)).toEqual({ removed: 1 });
    expect(await refusal(ask("auth.me", {}, ann.token))).toMatchObject({ code: 401 });
    await expect(ann.login()).resolves.toMatchObject({ token: expect.any(String) });
  });
});
