import { createSecretKey, randomBytes } from "node:crypto";
import { box, unbox } from "../../../mixins/vault/box.ts";
import type { KeyContext, KeyManager } from "../../../mixins/vault/keys.ts";
import type { WrappedTable } from "../../../mixins/vault/rewrap.ts";
import type { Attachment } from "./attachments.ts";
import type { TemplateData } from "./templates.ts";

/** A mail's data as the database has it, until it was sent: links in it open accounts. */
export interface SealedData {
  masterKeyId: string;
  wrappedKey: Buffer;
  sealedData: Buffer;
}

const mailContext = (tenantId: string, id: string): KeyContext => ({ tenantId, purpose: `mail:${id}` });

export const sealedMails = {
  table: "notification.mails",
  id: "id",
  idType: "uuid",
  wrapped: "wrapped_key",
  tenant: "tenant_id",
  where: "wrapped_key is not null",
  context: mailContext,
} as const satisfies WrappedTable;

/** What a mail says: what its template is filled with, and the files with it. */
export interface Saying {
  data: TemplateData;
  attachments: Attachment[];
}

/** A mail without files is sealed as its data alone; no template has a member `attachments`. Seals under a key of its own, which the key manager wraps. @throws what the key manager throws */
export async function sealData(keys: KeyManager, tenantId: string, id: string, { data, attachments }: Saying): Promise<SealedData> {
  const key = randomBytes(32);
  const context = mailContext(tenantId, id);
  const { keyId, wrapped } = await keys.wrap(key, context);
  const sealedData = box(
    createSecretKey(key),
    context.purpose,
    Buffer.from(JSON.stringify({ ...data, ...(attachments.length && { attachments }) })),
  );
  key.fill(0);
  return { masterKeyId: keyId, wrappedKey: wrapped, sealedData };
}

/** @throws VAULT_KEY_UNUSABLE, and what the key manager throws */
export async function openData(keys: KeyManager, tenantId: string, id: string, sealed: SealedData): Promise<Saying> {
  const context = mailContext(tenantId, id);
  const key = await keys.unwrap(sealed.masterKeyId, sealed.wrappedKey, context);
  const bytes = unbox(createSecretKey(key), context.purpose, sealed.sealedData, "The mail's data");
  key.fill(0);
  const { attachments = [], ...data } = JSON.parse(bytes.toString()) as TemplateData & { attachments?: Attachment[] };
  return { data, attachments };
}
