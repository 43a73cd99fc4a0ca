import { actionOf, caller, strict } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { sellerSchema } from "./seller/schema.ts";
import { readSeller, showSeller, writeSeller, type ShownSeller } from "./seller/seller.ts";

type Sellers = Host<WithDatabase>;
const action = actionOf<Sellers>();

export const actions = {
  get: action({
    description: "Shows who the organisation is as a seller: what its invoices say of it, and how it reckons tax.",
    permission: "payment:read",
    rest: "GET /seller",
    params: strict({}),
    async handler(ctx): Promise<ShownSeller> {
      const { tenantId } = caller(ctx);
      const seller = await this.db.tenant(tenantId, (em) => readSeller(em, tenantId));
      if (!seller) throw errors.notFound("The organisation has not said yet who it is as a seller: PUT /api/v1/seller.");
      return showSeller(seller);
    },
  }),

  set: action({
    description: "Says who the organisation is as a seller; what is left out is forgotten.",
    permission: "payment:manage",
    rest: "PUT /seller",
    stepUp: true,
    audit: "seller.changed",
    params: sellerSchema,
    async handler(ctx): Promise<ShownSeller> {
      const { tenantId } = caller(ctx);
      return showSeller(await this.db.tenant(tenantId, (em) => writeSeller(em, tenantId, ctx.params)));
    },
  }),
};

/** The organisation as a seller. */
export default service<Sellers>()({ name: "payment.seller", mixins: [ormMixin("payment")], actions });
