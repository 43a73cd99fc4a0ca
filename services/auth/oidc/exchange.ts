import type { IncomingMessage, ServerResponse } from "node:http";
import { inject } from "light-my-request";
import type { Provider } from "oidc-provider";
import Type, { type Static } from "typebox";
import { strict } from "../../../config/action.ts";
import { interact, type InteractionParts } from "./interactions.ts";
import { mountPath } from "./provider.ts";

/** A request to the provider, as the edge passes it on. */
export const exchangeParams = strict({
  method: Type.Enum(["GET", "HEAD", "POST"], { description: "Of the request." }),
  url: Type.String({ maxLength: 16_384, pattern: "^/oidc/", description: "Path and query." }),
  headers: Type.Record(Type.String({ maxLength: 64 }), Type.String({ maxLength: 16_384 }), {
    description: "Those that the provider looks at.",
  }),
  body: Type.String({ maxLength: 65_536, description: "A form, as it was sent." }),
});
export type ExchangeParams = Static<typeof exchangeParams>;

export interface Exchanged {
  status: number;
  headers: Record<string, string | string[]>;
  body: string;
}

/** Lets the provider answer one request that came by broker: nothing listens here. */
export async function exchange(
  parts: InteractionParts,
  publicUrl: string,
  { method, url, headers, body }: ExchangeParams,
): Promise<Exchanged> {
  const { host, protocol } = new URL(publicUrl);
  const failed: unknown[] = [];
  const answer = await inject(
    (req, res) =>
      void dispatch(parts, req, res as unknown as ServerResponse, body).catch((error: unknown) => {
        failed.push(error);
        res.statusCode = 500;
        res.end();
      }),
    {
      method,
      url,
      headers: { ...headers, host, "x-forwarded-proto": protocol.slice(0, -1), "x-forwarded-host": host },
      ...(body && { payload: body }),
    },
  );
  if (failed.length) throw failed[0];
  const { "content-length": _length, connection: _connection, "transfer-encoding": _encoding, date: _date, ...rest } = answer.headers;
  const answered = Object.entries(rest).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, Array.isArray(value) ? value : String(value)] as const],
  );
  return { status: answer.statusCode, headers: Object.fromEntries(answered), body: answer.payload };
}

type Mounted = IncomingMessage & { originalUrl?: string };

async function dispatch(parts: InteractionParts, req: Mounted, res: ServerResponse, body: string): Promise<void> {
  const url = req.url!;
  const path = url.slice(mountPath.length).replace(/\?.*$/s, "");
  if (await interact(parts, req, res, path, new URLSearchParams(body))) return;
  // How a framework tells the provider that it is mounted below a path.
  req.originalUrl = url;
  req.url = url.slice(mountPath.length);
  await serve(parts.provider, req, res);
}

const serve = (provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<void> => provider.callback()(req, res);
