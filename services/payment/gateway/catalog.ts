import { readProduct } from "./billing.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Outcome } from "./gateway.ts";

export const productTypes = ["service", "digital", "physical"] as const;

export interface NewProduct {
  /** Our own choice, 6 to 50 characters: PayPal refuses a second product of the same id, however much later it is asked for. */
  id: string;
  name: string;
  description: string | null;
  type: (typeof productTypes)[number];
}

/** Products, which plans belong to. Source: Catalog Products v1, which PayPal's SDK lacks. */
export interface CatalogGateway {
  createProduct(product: NewProduct, requestId: string): Promise<Outcome<{ id: string }>>;
  getProduct(id: string): Promise<Outcome<{ id: string }>>;
}

export const catalogGateway = (connection: PayPalConnection): CatalogGateway => ({
  createProduct: ({ id, name, description, type }, requestId) =>
    connection.send(
      {
        method: "POST",
        path: "/v1/catalogs/products",
        body: { id, name, type: type.toUpperCase(), ...(description !== null && { description }) },
        requestId,
        prefer: "return=representation",
      },
      readProduct,
    ),
  getProduct: (id) => connection.send({ method: "GET", path: `/v1/catalogs/products/${encodeURIComponent(id)}` }, readProduct),
});
