import type { CallingOptions } from "moleculer";
import type { actions as ai } from "../services/ai/ai.service.ts";
import type { actions as auth } from "../services/auth/auth.service.ts";
import type { actions as authApiKeys } from "../services/auth/auth.apikeys.service.ts";
import type { actions as authAuthenticator } from "../services/auth/auth.authenticator.service.ts";
import type { actions as authAudit } from "../services/auth/auth.audit.service.ts";
import type { actions as authKeys } from "../services/auth/auth.keys.service.ts";
import type { actions as authMfa } from "../services/auth/auth.mfa.service.ts";
import type { actions as authClients } from "../services/auth/auth.clients.service.ts";
import type { actions as authOidc } from "../services/auth/auth.oidc.service.ts";
import type { actions as authAccounts } from "../services/auth/auth.accounts.service.ts";
import type { actions as authInvitations } from "../services/auth/auth.invitations.service.ts";
import type { actions as authMembers } from "../services/auth/auth.members.service.ts";
import type { actions as authOrganisations } from "../services/auth/auth.organisations.service.ts";
import type { actions as mails } from "../services/notification/notification.mail.service.ts";
import type { actions as authAddresses } from "../services/auth/auth.addresses.service.ts";
import type { actions as authPasswords } from "../services/auth/auth.passwords.service.ts";
import type { actions as authPasskeys } from "../services/auth/auth.passkeys.service.ts";
import type { actions as authSessions } from "../services/auth/auth.sessions.service.ts";
import type { actions as authSocial } from "../services/auth/auth.social.service.ts";
import type { actions as authRoles } from "../services/auth/auth.roles.service.ts";
import type { actions as webhooks } from "../services/notification/notification.webhooks.service.ts";
import type { actions as paymentFraud } from "../services/payment/payment.fraud.service.ts";
import type { actions as paymentAuthorizations } from "../services/payment/payment.authorizations.service.ts";
import type { actions as paymentUnanswered } from "../services/payment/payment.unanswered.service.ts";
import type { actions as paymentMethods } from "../services/payment/payment.methods.service.ts";
import type { actions as paymentRefunds } from "../services/payment/payment.refunds.service.ts";
import type { actions as payment } from "../services/payment/payment.service.ts";
import type { actions as paymentAccounts } from "../services/payment/payment.accounts.service.ts";
import type { actions as paymentDisputes } from "../services/payment/payment.disputes.service.ts";
import type { actions as paymentWebhooks } from "../services/payment/payment.webhooks.service.ts";
import type { actions as paymentLedger } from "../services/payment/payment.ledger.service.ts";
import type { actions as paymentReconciliation } from "../services/payment/payment.reconciliation.service.ts";
import type { actions as paymentReports } from "../services/payment/payment.reports.service.ts";
import type { actions as paymentInvoices } from "../services/payment/payment.invoices.service.ts";
import type { actions as paymentInvoicing } from "../services/payment/payment.invoicing.service.ts";
import type { actions as paymentSeller } from "../services/payment/payment.seller.service.ts";
import type { actions as paymentTax } from "../services/payment/payment.tax.service.ts";
import type { actions as paymentPlans } from "../services/payment/payment.plans.service.ts";
import type { actions as paymentSubscriptions } from "../services/payment/payment.subscriptions.service.ts";
import type { actions as syncAssets } from "../services/sync/sync.assets.service.ts";
import type { actions as syncExports } from "../services/sync/sync.exports.service.ts";
import type { actions as syncJobs } from "../services/sync/sync.jobs.service.ts";
import type { actions as syncKeys } from "../services/sync/sync.keys.service.ts";
import type { actions as syncQueue } from "../services/sync/sync.queue.service.ts";
import type { actions as syncSchedules } from "../services/sync/sync.schedules.service.ts";
import type { actions as syncSources } from "../services/sync/sync.sources.service.ts";
import type { actions as syncVault } from "../services/sync/sync.vault.service.ts";
import type { actions as syncUploads } from "../services/sync/sync.uploads.service.ts";
import type { ActionTypes } from "./action.ts";

/**
 * Every action's params and result under its full name, derived from the services' own definitions. A wrong name or a wrong
 * param does not compile. The imports are types only: at run time nothing here knows a service.
 */
export interface ActionMap
  extends
    ActionTypes<"ai", typeof ai>,
    ActionTypes<"auth", typeof auth>,
    ActionTypes<"auth.apikeys", typeof authApiKeys>,
    ActionTypes<"auth.authenticator", typeof authAuthenticator>,
    ActionTypes<"auth.audit", typeof authAudit>,
    ActionTypes<"auth.keys", typeof authKeys>,
    ActionTypes<"auth.mfa", typeof authMfa>,
    ActionTypes<"auth.passkeys", typeof authPasskeys>,
    ActionTypes<"auth.clients", typeof authClients>,
    ActionTypes<"auth.oidc", typeof authOidc>,
    ActionTypes<"auth.accounts", typeof authAccounts>,
    ActionTypes<"auth.invitations", typeof authInvitations>,
    ActionTypes<"auth.members", typeof authMembers>,
    ActionTypes<"auth.organisations", typeof authOrganisations>,
    ActionTypes<"notification.mail", typeof mails>,
    ActionTypes<"auth.addresses", typeof authAddresses>,
    ActionTypes<"auth.passwords", typeof authPasswords>,
    ActionTypes<"auth.sessions", typeof authSessions>,
    ActionTypes<"auth.roles", typeof authRoles>,
    ActionTypes<"auth.social", typeof authSocial>,
    ActionTypes<"notification.webhooks", typeof webhooks>,
    ActionTypes<"payment", typeof payment>,
    ActionTypes<"payment.accounts", typeof paymentAccounts>,
    ActionTypes<"payment.disputes", typeof paymentDisputes>,
    ActionTypes<"payment.webhooks", typeof paymentWebhooks>,
    ActionTypes<"payment.authorizations", typeof paymentAuthorizations>,
    ActionTypes<"payment.methods", typeof paymentMethods>,
    ActionTypes<"payment.refunds", typeof paymentRefunds>,
    ActionTypes<"payment.unanswered", typeof paymentUnanswered>,
    ActionTypes<"payment.ledger", typeof paymentLedger>,
    ActionTypes<"payment.reconciliation", typeof paymentReconciliation>,
    ActionTypes<"payment.reports", typeof paymentReports>,
    ActionTypes<"payment.invoicing", typeof paymentInvoicing>,
    ActionTypes<"payment.invoices", typeof paymentInvoices>,
    ActionTypes<"payment.seller", typeof paymentSeller>,
    ActionTypes<"payment.tax", typeof paymentTax>,
    ActionTypes<"payment.fraud", typeof paymentFraud>,
    ActionTypes<"payment.plans", typeof paymentPlans>,
    ActionTypes<"payment.subscriptions", typeof paymentSubscriptions>,
    ActionTypes<"sync.assets", typeof syncAssets>,
    ActionTypes<"sync.exports", typeof syncExports>,
    ActionTypes<"sync.jobs", typeof syncJobs>,
    ActionTypes<"sync.keys", typeof syncKeys>,
    ActionTypes<"sync.queue", typeof syncQueue>,
    ActionTypes<"sync.schedules", typeof syncSchedules>,
    ActionTypes<"sync.sources", typeof syncSources>,
    ActionTypes<"sync.uploads", typeof syncUploads>,
    ActionTypes<"sync.vault", typeof syncVault> {}
export type ActionName = keyof ActionMap;

interface Caller {
  call(name: string, params?: unknown, options?: CallingOptions): Promise<unknown>;
}

/** Calls an action through the broker or a context (which passes the claim on). */
export function call<N extends ActionName>(
  via: Caller,
  name: N,
  params: ActionMap[N]["params"],
  options?: CallingOptions,
): Promise<ActionMap[N]["result"]> {
  // Moleculer writes into the options it is given, so each call gets its own.
  return via.call(name, params, options && { ...options }) as Promise<ActionMap[N]["result"]>;
}
