import Type from "typebox";
import { actionOf, caller, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import type { AssetView } from "./catalogue/asset.ts";
import { TenantKeyring, usableKeys } from "./tenantkey.ts";
import { catalogueUpload, checkUploadPath, uploadedParams } from "./uploads.ts";

type UploadsService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<UploadsService>();

export const actions = {
  begin: action({
    description: "Checks an upload's path and hands the edge the key to seal its content with, wrapped.",
    permission: "sync:write",
    params: strict({ path: Type.String({ minLength: 1, maxLength: 2000, description: "Where it is to stand in the catalogue." }) }),
    async handler(ctx): Promise<{ key: { keyId: string; masterKeyId: string; wrapped: string; sealedIdentity: string | null } }> {
      checkUploadPath(ctx.params.path);
      const { tenantId } = caller(ctx);
      const { keyId } = await this.keyring.of(tenantId);
      const keys = await this.db.tenant(tenantId, (em) => usableKeys(em, tenantId));
      const { masterKeyId, wrapped, sealedIdentity } = keys.find((key) => key.keyId === keyId)!;
      return {
        key: { keyId, masterKeyId, wrapped: wrapped.toString("base64"), sealedIdentity: sealedIdentity?.toString("base64") ?? null },
      };
    },
  }),

  record: action({
    description: "Catalogues a file whose content the edge has put into the vault.",
    permission: "sync:write",
    params: uploadedParams,
    async handler(ctx): Promise<AssetView> {
      const principal = caller(ctx);
      const keys = await this.keyring.of(principal.tenantId);
      return await this.db.tenant(principal.tenantId, (em) => catalogueUpload(em, principal, keys, ctx.params));
    },
  }),
};

/** Single files that are uploaded; the edge seals and stores their bytes. */
export default service<UploadsService>()({
  name: "sync.uploads",
  mixins: [ormMixin("sync")],
  actions,
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
