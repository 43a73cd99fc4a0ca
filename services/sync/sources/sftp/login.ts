import type { AuthenticationType, AuthHandlerMiddleware } from "ssh2";
import { errors } from "../../../../config/errors.ts";
import type { SftpSpec } from "./spec.ts";

/** Offers the key, then the password, in whichever ways the server takes. */
export function logins({ username, password, privateKey, passphrase }: SftpSpec): {
  next: AuthHandlerMiddleware;
  taken(): AuthenticationType[];
} {
  let taken: AuthenticationType[] = [];
  const ways: Exclude<Parameters<Parameters<AuthHandlerMiddleware>[2]>[0], string>[] = [];
  if (privateKey !== undefined)
    ways.push({ type: "publickey", username, key: privateKey, ...(passphrase !== undefined && { passphrase }) });
  if (password !== undefined) {
    ways.push({ type: "password", username, password });
    const prompt = (_name: string, _text: string, _language: string, prompts: unknown[], answer: (answers: string[]) => void) =>
      answer(prompts.map(() => password));
    ways.push({ type: "keyboard-interactive", username, prompt });
  }
  return {
    taken: () => taken,
    next(left: AuthenticationType[] | null, _partly, answer) {
      // Nothing first: the server's refusal says what it takes.
      if (!left) return answer({ type: "none", username });
      taken = left;
      const at = ways.findIndex(({ type }) => left.includes(type));
      const [way] = at < 0 ? [] : ways.splice(at, 1);
      answer(way ?? (false as never));
    },
  };
}

export function loginError({ host, username, password, privateKey }: SftpSpec, taken: AuthenticationType[], error: Error): Error {
  const given = [privateKey !== undefined && "the key", password !== undefined && "the password"].filter(Boolean).join(" and ");
  return errors.sourceDenied(
    `${host} does not let ${username} in with ${given || "nothing"}; it takes ${taken.join(", ") || "nothing"}.`,
    undefined,
    error,
  );
}
