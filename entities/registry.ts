import type { SchemaName } from "../config/names.ts";
import { AiAnalysis } from "./AiAnalysis.ts";
import { AiAsset } from "./AiAsset.ts";
import { AiThumbnail } from "./AiThumbnail.ts";
import { ApiKey } from "./ApiKey.ts";
import { Asset } from "./Asset.ts";
import { AssetVersion } from "./AssetVersion.ts";
import { AssetWords } from "./AssetWords.ts";
import { AuditChain } from "./AuditChain.ts";
import { AuditCheckpoint } from "./AuditCheckpoint.ts";
import { AuditEntry } from "./AuditEntry.ts";
import { AuditKey } from "./AuditKey.ts";
import { Authorization } from "./Authorization.ts";
import { Blob } from "./Blob.ts";
import { Capture } from "./Capture.ts";
import { Challenge } from "./Challenge.ts";
import { Dispute } from "./Dispute.ts";
import { durableTables } from "./durable/tables.ts";
import { FactorAttempts } from "./FactorAttempts.ts";
import { FraudAssessment } from "./FraudAssessment.ts";
import { FraudListEntry } from "./FraudListEntry.ts";
import { FraudRuleSet } from "./FraudRuleSet.ts";
import { Identity } from "./Identity.ts";
import { Mail } from "./Mail.ts";
import { Invoice } from "./Invoice.ts";
import { InvoiceDocument } from "./InvoiceDocument.ts";
import { InvoiceNumber } from "./InvoiceNumber.ts";
import { Invitation } from "./Invitation.ts";
import { MirrorItem } from "./MirrorItem.ts";
import { LedgerEntry } from "./LedgerEntry.ts";
import { LedgerLine } from "./LedgerLine.ts";
import { Link } from "./Link.ts";
import { Membership } from "./Membership.ts";
import { OauthClient } from "./OauthClient.ts";
import { OidcKey } from "./OidcKey.ts";
import { OidcRecord } from "./OidcRecord.ts";
import { Organisation } from "./Organisation.ts";
import { Pack } from "./Pack.ts";
import { Passkey } from "./Passkey.ts";
import { Payment } from "./Payment.ts";
import { PaypalInvoice } from "./PaypalInvoice.ts";
import { PaymentAttempt } from "./PaymentAttempt.ts";
import { Plan } from "./Plan.ts";
import { Reconciliation } from "./Reconciliation.ts";
import { ReconciliationBreak } from "./ReconciliationBreak.ts";
import { ReconciliationRun } from "./ReconciliationRun.ts";
import { PaypalAccount } from "./PaypalAccount.ts";
import { ReceivedEvent } from "./ReceivedEvent.ts";
import { ReportBucket } from "./ReportBucket.ts";
import { ReportProgress } from "./ReportProgress.ts";
import { RecoveryCode } from "./RecoveryCode.ts";
import { Refund } from "./Refund.ts";
import { Revocation } from "./Revocation.ts";
import { Seller } from "./Seller.ts";
import { SavedMethod } from "./SavedMethod.ts";
import { ServiceAccount } from "./ServiceAccount.ts";
import { Session } from "./Session.ts";
import { SigningKey } from "./SigningKey.ts";
import { Subscription } from "./Subscription.ts";
import { SubscriptionAttempt } from "./SubscriptionAttempt.ts";
import { SubscriptionPayment } from "./SubscriptionPayment.ts";
import { SyncBatch } from "./SyncBatch.ts";
import { SyncChange } from "./SyncChange.ts";
import { SyncFailure } from "./SyncFailure.ts";
import { SyncJob } from "./SyncJob.ts";
import { SyncJobNeed } from "./SyncJobNeed.ts";
import { SyncLimit } from "./SyncLimit.ts";
import { SyncPart } from "./SyncPart.ts";
import { SyncSchedule } from "./SyncSchedule.ts";
import { SyncSource } from "./SyncSource.ts";
import { SyncTurn } from "./SyncTurn.ts";
import { TaxRate } from "./TaxRate.ts";
import { TenantKey } from "./TenantKey.ts";
import { TenantRole } from "./TenantRole.ts";
import { TotpFactor } from "./TotpFactor.ts";
import { User } from "./User.ts";
import { WebhookDelivery } from "./WebhookDelivery.ts";
import { WebhookEndpoint } from "./WebhookEndpoint.ts";

/** Which tables each service owns. */
const own = {
  auth: [
    Organisation,
    User,
    Membership,
    Invitation,
    TenantRole,
    ServiceAccount,
    ApiKey,
    SigningKey,
    Session,
    Revocation,
    Link,
    TotpFactor,
    RecoveryCode,
    Passkey,
    Identity,
    FactorAttempts,
    Challenge,
    OauthClient,
    OidcRecord,
    OidcKey,
    AuditEntry,
    AuditChain,
    AuditCheckpoint,
    AuditKey,
  ],
  sync: [
    SyncSource,
    SyncSchedule,
    SyncJob,
    SyncJobNeed,
    SyncLimit,
    SyncTurn,
    SyncBatch,
    SyncPart,
    SyncChange,
    SyncFailure,
    Asset,
    AssetVersion,
    AssetWords,
    Blob,
    Pack,
    MirrorItem,
    TenantKey,
  ],
  ai: [AiAnalysis, AiAsset, AiThumbnail],
  payment: [
    Payment,
    PaymentAttempt,
    PaypalAccount,
    ReceivedEvent,
    Dispute,
    Authorization,
    Capture,
    Refund,
    SavedMethod,
    LedgerEntry,
    LedgerLine,
    ReportBucket,
    ReportProgress,
    Reconciliation,
    ReconciliationRun,
    ReconciliationBreak,
    Seller,
    TaxRate,
    Invoice,
    InvoiceDocument,
    InvoiceNumber,
    PaypalInvoice,
    FraudRuleSet,
    FraudAssessment,
    FraudListEntry,
    Plan,
    Subscription,
    SubscriptionAttempt,
    SubscriptionPayment,
  ],
  notification: [WebhookEndpoint, WebhookDelivery, Mail],
};

export const entitiesOf = (service: SchemaName) => [...own[service], ...durableTables(service)];
