import { client } from "./client.ts";
import { keepSecrets, type Secrets } from "./servers/secrets.ts";

export const demoEmail = "demo@legendo.local";

/**
 * The demo organisation's API key: made by the first start over HTTP, as any customer would, and kept in the folder's secrets.
 * A start that was killed between the two requests finds the organisation there and signs in instead.
 */
export async function demoApiKey(dataDir: string, secrets: Secrets, api: string, signal: AbortSignal): Promise<string> {
  if (secrets.demoApiKey) return secrets.demoApiKey;
  const stranger = client(api, {}, signal);
  const account = { email: demoEmail, password: secrets.demoPassword };
  const { token } = await stranger
    .post<{ token: string }>("/api/v1/organisations", { organisation: "Demo", ...account })
    .catch((error: Error) => {
      if (error.cause !== 409) throw error;
      return stranger.post<{ token: string }>("/api/v1/auth/login", account);
    });
  const { key } = await client(api, { authorization: `Bearer ${token}` }, signal).post<{ key: string }>("/api/v1/keys", { name: "demo" });
  keepSecrets(dataDir, { demoApiKey: key });
  return key;
}
