import { createHash } from "node:crypto";

/** Plain pages that work without scripts, with a keyboard and a screen reader, light and dark. */
const style = `:root{color-scheme:light dark;font:1rem/1.5 system-ui,sans-serif}body{max-width:26rem;margin:8vh auto;padding:0 1rem}
label{display:block;margin:1rem 0 .25rem}input{box-sizing:border-box;width:100%;padding:.5rem;font:inherit}
button{margin:1.25rem .5rem 0 0;padding:.5rem 1.25rem;font:inherit}form+form{display:inline}[role=alert]{border-left:.25rem solid #b00020;padding-left:.75rem}`;

/** RFC 9110 and CSP 3: nothing but this style runs or loads on the pages; forms lead here, and from here to the client. */
export const contentPolicy = (formTargets: string[] = []): string =>
  `default-src 'none'; style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'; base-uri 'none'; frame-ancestors 'none'; form-action ${["'self'", ...formTargets].join(" ")}`;

/** HTML that is safe to join: values go through `html`. */
class Html {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => escapes[sign]!);

/** Escapes every value but what is HTML already. */
const html = (parts: TemplateStringsArray, ...values: (string | Html | Html[])[]): Html =>
  new Html(
    parts.reduce((all, part, i) => {
      const value = values[i - 1]!;
      return (
        all +
        (typeof value === "string"
          ? escaped(value)
          : [value]
              .flat()
              .map(({ text }) => text)
              .join("")) +
        part
      );
    }),
  );

const page = (title: string, body: Html): string =>
  `<!doctype html>\n${
    html`<html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${new Html(style)}
        </style>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${body}
        </main>
      </body>
    </html>`.text
  }\n`;

const nothing = new Html("");
const alert = (message: string | undefined) => (message ? html`<p role="alert">${message}</p>` : nothing);
const cancel = (action: string) => html`<form method="post" action="${action}/abort"><button>Cancel</button></form>`;

export interface LoginPage {
  /** Path that the forms' paths begin with. */
  action: string;
  client: string;
  organisation: string;
  email?: string;
  problem?: string;
}

export const loginPage = ({ action, client, organisation, email = "", problem }: LoginPage): string =>
  page(
    "Sign in",
    html`<p><strong>${client}</strong> asks you to sign in to <strong>${organisation}</strong>.</p>
      ${alert(problem)}
      <form method="post" action="${action}/login">
        <label for="email">E-mail address</label>
        <input
          id="email"
          name="email"
          type="email"
          autocomplete="username"
          required
          value="${email}"
          ${email ? nothing : new Html(" autofocus")}
        />
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="current-password"
          required${email ? new Html(" autofocus") : nothing}
        />
        <button type="submit">Sign in</button>
      </form>
      ${cancel(action)}`,
  );

export interface FactorPage extends Omit<LoginPage, "email"> {
  /** Of the sign-in that waits for the second factor. */
  token: string;
}

export const factorPage = ({ action, client, organisation, token, problem }: FactorPage): string =>
  page(
    "Your second factor",
    html`<p><strong>${client}</strong> asks you to sign in to <strong>${organisation}</strong>.</p>
      ${alert(problem)}
      <form method="post" action="${action}/login">
        <input type="hidden" name="token" value="${token}" />
        <label for="code">Code of your authenticator app, or a recovery code</label>
        <input id="code" name="code" autocomplete="one-time-code" required autofocus />
        <button type="submit">Go on</button>
      </form>
      ${cancel(action)}`,
  );

export interface ConsentPage {
  action: string;
  client: string;
  organisation: string;
  /** What it asks for, each in a few words. */
  wishes: string[];
}

export const consentPage = ({ action, client, organisation, wishes }: ConsentPage): string =>
  page(
    `Allow ${client}?`,
    html`<p><strong>${client}</strong>, registered by <strong>${organisation}</strong>, wants to:</p>
      <ul>
        ${wishes.map((wish) => html`<li>${wish}</li>`)}
      </ul>
      <form method="post" action="${action}/confirm"><button type="submit" autofocus>Allow</button></form>
      ${cancel(action)}`,
  );

/** @param form the provider's own, with its token against forged requests */
export const logoutPage = (form: string): string =>
  page(
    "Sign out?",
    html`<p>You are about to sign out here. Programs you signed in to may keep you signed in on their own.</p>
      ${new Html(form)}
      <button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
      <button type="submit" form="op.logoutForm">Stay signed in</button>`,
  );

export const signedOutPage = (): string => page("You are signed out", html`<p>You can close this window.</p>`);

export const errorPage = (error: string, description: string): string =>
  page(
    "This did not work",
    html`<p role="alert">${description}</p>
      <p>Go back to the program you came from and try again. <small>(${error})</small></p>`,
  );
