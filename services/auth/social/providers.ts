import { errors } from "../../../config/errors.ts";
import type { ProviderSettings } from "../../../config/social.ts";
import { githubProvider } from "./github.ts";
import { openidProvider } from "./openid.ts";
import type { Provider } from "./provider.ts";

/** The providers of this cluster. */
export class Providers {
  private readonly byId: Map<string, Provider>;

  constructor(settings: readonly ProviderSettings[]) {
    this.byId = new Map(
      settings.map((one) => [one.id, one.kind === "github" ? githubProvider(one) : openidProvider({ ...one, kind: one.kind })]),
    );
  }

  list(): { id: string; name: string }[] {
    return [...this.byId.values()].map(({ id, name }) => ({ id, name }));
  }

  /** @throws PROVIDER_NOT_FOUND */
  get(id: string): Provider {
    const provider = this.byId.get(id);
    if (!provider)
      throw errors.providerNotFound("Nobody can sign in with this provider here.", { provider: id, known: [...this.byId.keys()] });
    return provider;
  }

  /** What people call a provider, also one that is not configured any more. */
  nameOf(id: string): string {
    return this.byId.get(id)?.name ?? id;
  }
}
