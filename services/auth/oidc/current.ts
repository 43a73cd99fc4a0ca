import type { Provider } from "oidc-provider";
import type { KeyManager } from "../../../mixins/vault/keys.ts";
import { oidcKeys } from "./keys.ts";
import { openProvider, type ProviderParts } from "./provider.ts";

/** How long keys are used before they are asked for again: far less than a new one is published before it signs. */
const rememberedMs = 10 * 60_000;

/** The provider with the keys of now. It keeps nothing itself, so another one takes over when the keys change. */
export class CurrentProvider {
  private readonly parts: Omit<ProviderParts, "keys">;
  private readonly ring: KeyManager;
  private provider: Provider | undefined;
  private kids = "";
  private until = 0;
  private looking: Promise<Provider> | undefined;

  constructor(parts: Omit<ProviderParts, "keys">, ring: KeyManager) {
    this.parts = parts;
    this.ring = ring;
  }

  async get(): Promise<Provider> {
    if (this.provider && Date.now() < this.until) return this.provider;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return await this.looking;
  }

  private async look(): Promise<Provider> {
    const keys = await oidcKeys(this.parts.db, this.ring);
    const kids = keys.map(({ kid }) => kid).join(" ");
    if (!this.provider || kids !== this.kids) this.provider = openProvider({ ...this.parts, keys });
    this.kids = kids;
    this.until = Date.now() + rememberedMs;
    return this.provider;
  }
}
