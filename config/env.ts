import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import Value from "typebox/value";
import { readProviders } from "./social.ts";

/**
 * The only reader of process.env. One schema, one error that names every fault, one frozen object.
 * Prefixless names that Moleculer's runner would take for broker options (NAMESPACE, NODEID, …) are avoided:
 * the runner overrides the config file with any of those.
 */
const Text = (description: string, fallback?: string) =>
  Type.String(fallback === undefined ? { description } : { description, default: fallback });
const Maybe = (description: string) => Type.Optional(Type.String({ description }));
const Count = (description: string, fallback: number, minimum = 0) => Type.Integer({ description, default: fallback, minimum });

const EnvSchema = Type.Object({
  LEGENDO_NAMESPACE: Type.String({
    description: "Clusters with different names on one NATS do not see each other.",
    default: "legendo",
    pattern: "^[a-z0-9_-]{1,32}$",
  }),
  LEGENDO_NODE_ID: Maybe("Name of this node; host name and process id when unset."),
  SERVICES: Text("Comma-separated services this node hosts: api, auth, sync, ai, payment, notification, metrics; or 'all'.", "all"),
  LOG_LEVEL: Type.Enum(["fatal", "error", "warn", "info", "debug", "trace"], {
    description: "Lowest level that is logged: fatal, error, warn, info, debug or trace.",
    default: "info",
  }),

  DATABASE_URL: Text(
    "PostgreSQL host, port and database of every service; its user and password are used by migrations alone. A pooler in between has to keep sessions: nodes listen (`LISTEN`) and prepare statements.",
    "postgresql://127.0.0.1:5432/legendo",
  ),
  AUTH_DATABASE_URL: Maybe("Moves the auth service's schema to another database, with that URL's own user."),
  SYNC_DATABASE_URL: Maybe("Likewise for sync."),
  AI_DATABASE_URL: Maybe("Likewise for ai."),
  PAYMENT_DATABASE_URL: Maybe("Likewise for payment."),
  NOTIFICATION_DATABASE_URL: Maybe("Likewise for notification."),
  SYNC_REPLICA_URL: Maybe(
    "Streaming replica of sync's database that the catalogue is read from while it keeps up; signs in as sync does unless a user is named.",
  ),
  DATABASE_POOL: Count("Connections per service and node.", 8, 2),
  EVENT_MONTHS: Count(
    "Months that events stay in their tables, at least 3; older ones go to the archive schemas. 0 keeps all where they are.",
    0,
  ),
  AUDIT_MONTHS: Count("Likewise for the audit log, whose months npm run audit:verify reads in the archive schema too.", 0),
  AUDIT_CHECKPOINTS_URL: Text(
    "Where signed checkpoints of the audit log are kept, outside of the database: file:///folder, or s3://bucket/prefix with the vault's VAULT_S3_ settings.",
    "file:///var/lib/legendo/audit",
  ),
  AUDIT_CHECKPOINT_SECONDS: Count("Seconds between two checkpoints, where anything was recorded.", 300, 1),
  AUDIT_CHECKPOINT_ROWS: Count("Records after which a node makes a checkpoint before that.", 1_000, 1),
  REDIS_URL: Text("Redis of sessions, caches and counters.", "redis://127.0.0.1:6379"),
  NATS_URL: Text("Comma-separated NATS servers; a user and password in the URL are used.", "nats://127.0.0.1:4222"),
  NATS_CA_FILE: Maybe("Turns on TLS to NATS and trusts this certificate authority."),
  NATS_CERT_FILE: Maybe("Client certificate for NATS."),
  NATS_KEY_FILE: Maybe("Key of the client certificate."),
  NATS_NKEY_SEED_FILE: Maybe("File with the nkey seed this node signs in with."),

  CLUSTER_SECRET: Type.String({
    description: "Signs service claims and cursors and peppers API keys; the same on every node.",
    minLength: 32,
  }),
  MASTER_KEYS: Type.String({
    description: "Local key ring 'id:base64-of-32-bytes', comma-separated; the first seals, all open.",
    pattern: "^[\\w-]+:[A-Za-z0-9+/]{43}=(,[\\w-]+:[A-Za-z0-9+/]{43}=)*$",
  }),
  KEY_MANAGER: Type.Enum(["local", "aws-kms", "vault-transit"], {
    description: "What wraps keys from now on: local (MASTER_KEYS), aws-kms or vault-transit. What another one wrapped still opens.",
    default: "local",
  }),
  AWS_KMS_KEY: Type.Optional(
    Type.String({
      description: "ARN of the symmetric AWS KMS key that wraps; credentials come from the AWS SDK's own chain.",
      pattern: "^arn:aws[\\w-]*:kms:[a-z0-9-]+:\\d{12}:key/[\\w-]+$",
    }),
  ),
  AWS_KMS_ENDPOINT: Maybe("Origin of AWS KMS, e.g. of a VPC endpoint; AWS's own when unset."),
  TRANSIT_URL: Maybe("Origin of the HashiCorp Vault or OpenBao server with the Transit engine, e.g. https://vault:8200."),
  TRANSIT_KEY: Type.Optional(
    Type.String({ description: "The Transit key that wraps, as mount/name, e.g. transit/legendo.", pattern: "^[\\w.-]+(/[\\w.-]+)+$" }),
  ),
  TRANSIT_TOKEN: Maybe("Token for Transit; it may encrypt and decrypt with that key and need nothing more."),
  TRANSIT_TOKEN_FILE: Maybe("File with that token instead, read for every call, so that an agent may renew it."),
  TRANSIT_NAMESPACE: Maybe("Namespace of the Transit engine, where the server has namespaces."),
  VAULT_URL: Text("Where sealed packs are kept: file:///folder or s3://bucket/prefix.", "file:///var/lib/legendo/vault"),
  VAULT_FSYNC: Type.Boolean({ description: "Sync every pack to disk before its rows commit.", default: true }),
  VAULT_S3_ENDPOINT: Maybe("S3 endpoint of the vault; AWS when unset."),
  VAULT_S3_REGION: Text("S3 region of the vault.", "us-east-1"),
  VAULT_S3_ACCESS_KEY_ID: Maybe("Access key of the vault's bucket."),
  VAULT_S3_SECRET_ACCESS_KEY: Maybe("Secret key of the vault's bucket."),
  VAULT_COPY_URL: Maybe("Where a second copy of every pack is kept, like VAULT_URL, on other disks or with another provider."),
  VAULT_COPY_S3_ENDPOINT: Maybe("S3 endpoint of the second copy; AWS when unset."),
  VAULT_COPY_S3_REGION: Text("S3 region of the second copy.", "us-east-1"),
  VAULT_COPY_S3_ACCESS_KEY_ID: Maybe("Access key of the second copy's bucket."),
  VAULT_COPY_S3_SECRET_ACCESS_KEY: Maybe("Secret key of the second copy's bucket."),

  SYNC_FILE_ROOTS: Text("Comma-separated folders that file:// sources may read; none when empty.", ""),
  SYNC_WRITE_ROOTS: Text("Comma-separated folders that mirrors and restores may write to; none when empty.", ""),
  SYNC_PRIVATE_HOSTS: Text("Comma-separated host:port of sources and destinations that may be on private addresses.", ""),
  SYNC_PROXY_URL: Maybe(
    "HTTP proxy that connections to sources and destinations go through, unless their host is private: http://user:password@host:port.",
  ),
  SYNC_THREADS: Count("Worker threads per sync node that hash and seal.", 2, 1),
  SYNC_JOBS: Count("Sync jobs one node runs at the same time.", 2, 1),
  SYNC_UPKEEP: Type.Boolean({
    description: "Keep vaults in order by itself: collect weekly, read back 3 % and end what its retention has ended for daily.",
    default: true,
  }),
  SYNC_TENANT_JOBS: Count(
    "Sync jobs of one organisation that run at the same time in the whole cluster, unless it has a limit of its own.",
    4,
    1,
  ),
  SYNC_HOST_JOBS: Count(
    "Sync jobs that run at the same time with one host, in the whole cluster and for all organisations; 0 for any number.",
    4,
  ),
  AI_THREADS: Count("Worker threads per ai node.", 1, 1),

  SIGNING_KEY_DAYS: Count("Days after which another key signs tokens; 0 for never by itself.", 30),
  SESSION_HOURS: Count("Hours after which a person has to sign in again, however busy the session.", 720, 1),
  SESSION_IDLE_HOURS: Count("Hours without a refresh after which a session ends.", 168, 1),

  HOST: Text("Address the HTTP edge listens on.", "127.0.0.1"),
  PORT: Count("Port of the HTTP edge; 0 picks a free one.", 3000),
  PUBLIC_URL: Maybe("How clients reach the edge, for links; http://HOST:PORT when unset."),
  PASSKEY_DOMAIN: Maybe("Domain that passkeys belong to; the host of PUBLIC_URL when unset. With another one all of them are lost."),
  SOCIAL_PROVIDERS: Text(
    "Who people may sign in with, as a JSON list: id, kind (google, microsoft, github or oidc), clientId, clientSecret, and where it is wanted name and issuer.",
    "[]",
  ),
  TLS_CERT_FILE: Maybe("Certificate of the edge; with TLS_KEY_FILE it serves HTTP/2 and TLS 1.3."),
  TLS_KEY_FILE: Maybe("Key of the edge's certificate."),
  CORS_ORIGINS: Text("Comma-separated browser origins that may call the API.", ""),
  TRUSTED_PROXIES: Text(
    "Comma-separated addresses and CIDRs of the proxies in front of the edge: whom they name in X-Forwarded-For is the client. None by default.",
    "",
  ),
  STRANGERS_AT_ONCE: Count(
    "Requests without a token, such as sign-ins and PayPal's events, that an edge works on at the same time, for each route; 4 at least.",
    16,
    4,
  ),
  METRICS_HOST: Text("Address of the Prometheus page.", "127.0.0.1"),
  METRICS_PORT: Count("Port of the Prometheus page; 0 picks a free one.", 3030),
  OTLP_URL: Maybe("OTLP/HTTP endpoint that receives traces, e.g. http://collector:4318/v1/traces."),

  PAYPAL_URL: Maybe("PayPal API origin other than the live or sandbox one: the simulator's."),
  PAYPAL_ENVIRONMENT: Type.Enum(["sandbox", "production"], {
    description: "Which PayPal: sandbox, or production where money moves.",
    default: "sandbox",
  }),
  PAYPAL_CLIENT_ID: Maybe("PayPal REST client id."),
  PAYPAL_CLIENT_SECRET: Maybe("PayPal REST client secret."),
  PAYPAL_WEBHOOK_ID: Maybe("Id of the webhook subscription, part of what PayPal signs."),
  SMTP_URL: Type.Optional(
    Type.String({
      description: "Mail server: smtp://user:password@host:587 (STARTTLS), or smtps:// for TLS from the first byte.",
      pattern: "^smtps?://[^/\\s]+/?$",
    }),
  ),
  SMTP_CA_FILE: Maybe("Certificate authority of the mail server's certificate, where the system does not know it."),
  MAIL_FROM: Type.String({
    description: "Sender of mails, as an address or Name <address>.",
    default: "LEGENDO SYNC <legendo@localhost>",
    pattern: "^([^<>\\r\\n]+<[^\\s<>@]+@[^\\s<>@]+>|[^\\s<>@]+@[^\\s<>@]+)$",
  }),
  MAIL_FOLDER: Maybe("Folder that mails are put into, as .eml files, while SMTP_URL is not set."),
  WEBHOOK_PRIVATE_HOSTS: Text("Comma-separated host:port that webhooks may reach although they are not public addresses.", ""),
});

export type Env = Static<typeof EnvSchema>;

/** What the chosen key manager can't work without: one of each. */
const keyManagerNeeds: Record<Env["KEY_MANAGER"], (keyof Env)[][]> = {
  local: [],
  "aws-kms": [["AWS_KMS_KEY"]],
  "vault-transit": [["TRANSIT_URL"], ["TRANSIT_KEY"], ["TRANSIT_TOKEN", "TRANSIT_TOKEN_FILE"]],
};

function unmetNeeds(values: Env): string[] {
  const needs = keyManagerNeeds[values.KEY_MANAGER] ?? [];
  const unmet = needs.filter((names) => !names.some((name) => values[name] !== undefined));
  return unmet.map((names) => `  ${names.join(" or ")}: is required with KEY_MANAGER ${values.KEY_MANAGER}`);
}

const check = Compile(EnvSchema);

/**
 * Reads and checks the environment.
 * @throws one Error that lists every variable at fault, with what was expected and never the value.
 */
export function readEnv(source: Record<string, string | undefined>): Env {
  const known = Object.keys(EnvSchema.properties);
  const given = Object.fromEntries(
    known.filter((name) => source[name] !== undefined && source[name] !== "").map((name) => [name, source[name]]),
  );
  const values = Value.Default(EnvSchema, Value.Convert(EnvSchema, given));
  const wrong = check.Errors(values).map((fault) => {
    const missing = fault.keyword === "required" ? fault.params.requiredProperties.join(", ") : "";
    return `  ${missing || fault.instancePath.slice(1)}: ${missing ? "is required" : fault.message}`;
  });
  const social = readProviders((values as Env).SOCIAL_PROVIDERS).faults.map((fault) => `  SOCIAL_PROVIDERS: ${fault}`);
  const faults = [...wrong, ...unmetNeeds(values as Env), ...social];
  if (faults.length) throw new Error(`The environment is not usable:\n${faults.join("\n")}\nSee docs/operations.md for every variable.`);
  return Object.freeze(values as Env);
}

/** Every variable with its description and default, for help texts and docs. */
export const variables = EnvSchema.properties;

export const env = readEnv(process.env);

/** Where clients reach the edge, without a slash at its end. */
export const publicUrl = (of: Pick<Env, "PUBLIC_URL" | "HOST" | "PORT">): string =>
  (of.PUBLIC_URL ?? `http://${of.HOST}:${of.PORT}`).replace(/\/+$/, "");

/** Splits a comma-separated value, dropping blanks. */
export const list = (value: string): string[] =>
  value
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
