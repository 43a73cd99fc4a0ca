import type { IncomingMessage, ServerResponse } from "node:http";
import { errors as oidcErrors, type Provider } from "oidc-provider";
import { failureType, messageOf } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import { clientOf } from "./clients.ts";
import { consentPage, contentPolicy, errorPage, factorPage, loginPage } from "./pages.ts";
import { claimsOf } from "./people.ts";
import { mountPath } from "./provider.ts";
import type { Proved } from "./signin.ts";
import { wishesOf } from "./words.ts";

/** How somebody proves who they are on the login page, to enter this organisation; see signin.ts. */
export type Prove = (tenantId: string, form: URLSearchParams) => Promise<Proved>;

export interface InteractionParts {
  db: Database;
  provider: Provider;
  prove: Prove;
}

type Details = Awaited<ReturnType<Provider["interactionDetails"]>>;
const steps = ["", "login", "confirm", "abort"] as const;
type Step = (typeof steps)[number];

/**
 * Answers the pages on which a person signs in and agrees. That it is their browser is proved by the interaction's signed cookie.
 * @param path below the mount path
 * @param form the body, of a POST
 * @returns false for what is no such page
 */
export async function interact(
  parts: InteractionParts,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
  form: URLSearchParams,
): Promise<boolean> {
  const [, uid, step = ""] = /^\/interaction\/([\w-]{1,64})(?:\/(\w+))?$/.exec(path) ?? [];
  if (!uid || !steps.includes(step as Step) || (step === "") !== (req.method === "GET")) return false;
  try {
    const details = await parts.provider.interactionDetails(req, res);
    // The cookie of one interaction opens no other.
    if (details.uid !== uid) throw new oidcErrors.SessionNotFound("interaction session not found");
    await answers[step as Step](parts, { req, res, details, form });
  } catch (error) {
    if (!(error instanceof oidcErrors.OIDCProviderError)) throw error;
    send(res, error.statusCode, errorPage(error.error, error.error_description ?? error.message));
  }
  return true;
}

interface Visit {
  req: IncomingMessage;
  res: ServerResponse;
  details: Details;
  form: URLSearchParams;
}

const answers: Record<Step, (parts: InteractionParts, visit: Visit) => Promise<void>> = {
  async ""(parts, visit) {
    const { details, res } = visit;
    const asking = await askingOf(parts.db, details);
    if (details.prompt.name === "login")
      return send(res, 200, loginPage({ ...asking, email: given(details, "login_hint") }), [asking.origin]);
    send(res, 200, consentPage({ ...asking, wishes: wishesOf(wanted(details).join(" ")) }), [asking.origin]);
  },

  async login({ db, provider, prove }, { req, res, details, form }) {
    const asking = await askingOf(db, details);
    const [email, token] = [form.get("email") ?? "", form.get("token")];
    const again = (status: number, type: string, problem: string) => {
      const page =
        token && type !== "CHALLENGE_INVALID" ? factorPage({ ...asking, token, problem }) : loginPage({ ...asking, email, problem });
      send(res, status, page, [asking.origin]);
    };
    let proved: Proved;
    try {
      proved = await prove(asking.tenantId, form);
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (typeof code !== "number" || failureType(error) === "INTERNAL_ERROR") throw error;
      return again(code, failureType(error), messageOf(error));
    }
    if ("token" in proved) return send(res, 200, factorPage({ ...asking, token: proved.token }), [asking.origin]);
    if (!(await claimsOf(db, asking.tenantId, proved.userId)))
      return again(403, "FORBIDDEN", `You are not an active member of ${asking.organisation}.`);
    await provider.interactionFinished(req, res, { login: { accountId: proved.userId, amr: proved.methods, remember: false } });
  },

  async confirm({ provider }, { req, res, details }) {
    const accountId = details.session?.accountId;
    if (details.prompt.name !== "consent" || !accountId) throw new oidcErrors.InvalidRequest("nobody is asked to agree here");
    const clientId = given(details, "client_id");
    const grant = (details.grantId ? await provider.Grant.find(details.grantId) : undefined) ?? new provider.Grant({ accountId, clientId });
    const { missingOIDCScope, missingOIDCClaims } = details.prompt.details as { missingOIDCScope?: string[]; missingOIDCClaims?: string[] };
    if (missingOIDCScope) grant.addOIDCScope(missingOIDCScope.join(" "));
    if (missingOIDCClaims) grant.addOIDCClaims(missingOIDCClaims);
    const grantId = await grant.save();
    await provider.interactionFinished(req, res, { consent: { grantId } }, { mergeWithLastSubmission: true });
  },

  async abort({ provider }, { req, res }) {
    await provider.interactionFinished(
      req,
      res,
      { error: "access_denied", error_description: "The person did not go on." },
      { mergeWithLastSubmission: false },
    );
  },
};

/** A parameter of the authorization request. */
function given({ params }: Details, name: string): string {
  const value = params[name];
  return typeof value === "string" ? value : "";
}

/** Which of the scopes are asked for the first time. */
const wanted = (details: Details): string[] =>
  (details.prompt.details["missingOIDCScope"] as string[] | undefined) ?? given(details, "scope").split(" ");

async function askingOf(db: Database, details: Details) {
  const client = await clientOf(db, given(details, "client_id"));
  if (!client) throw new oidcErrors.InvalidClient("client is invalid");
  const { name: organisation } = await db.tenant(client.tenantId, async (em) => {
    const [found] = await em.execute<{ name: string }[]>(`select name from auth.organisations where id = ?`, [client.tenantId]);
    return found!;
  });
  return {
    action: `${mountPath}/interaction/${details.uid}`,
    client: client.name,
    organisation,
    tenantId: client.tenantId,
    origin: targetOf(given(details, "redirect_uri")),
  };
}

/** As a CSP names it: an origin, or the scheme of a native program. */
const targetOf = (redirectUri: string): string => {
  const { origin, protocol } = new URL(redirectUri);
  return origin === "null" ? protocol : origin;
};

function send(res: ServerResponse, status: number, page: string, formTargets: string[] = []): void {
  res.statusCode = status;
  res.setHeader("Content-Type", "text/html; charset=utf-8");
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Security-Policy", contentPolicy(formTargets));
  res.end(page);
}
