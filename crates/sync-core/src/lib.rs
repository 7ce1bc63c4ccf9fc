#![doc = include_str!("../README.md")]

// The derive macro names this crate by its outside name; so do our own tests and examples.
extern crate self as sync_core;

mod canonical;
mod change;
mod changed;
mod conflict;
mod conflict_policy;
mod connection;
#[cfg(feature = "contract-tests")]
pub mod contract;
mod cursor;
mod custom;
mod custom_policy;
mod dead_letter;
mod diff;
mod echo;
#[macro_use]
mod engine;
mod error;
mod event;
mod field;
mod fields;
mod fingerprint;
pub mod history;
mod id;
mod local_change;
mod merge;
mod middleware;
#[cfg(feature = "mocks")]
pub mod mocks;
mod notice;
mod outbox;
pub mod port;
mod run;
mod store;
mod subscription;
mod table;
mod tellers;
mod typed_event;
pub mod value;
mod writeback;

pub use canonical::{
    Canonical, FieldDef, FieldKind, FieldMismatch, FieldSet, field_index, record_from_json, record_to_json,
};
pub use change::{Change, Coverage, DeleteEvidence, Deletion, Payload, Provenance, Record, Unreadable};
pub use changed::{ChangedFields, FieldChange};
pub use conflict::{Choice, Conflict, ConflictId, ConflictKind, Verdict, merge_field};
pub use conflict_policy::{ConflictPolicy, ConflictRule};
pub use connection::{
    Connection, ConnectionProfile, ConnectionStatus, EndCause, GrantEnd, Grantor, KeyId, NewGrant,
    RefreshLease, RefreshTurn, Refreshed, Resealed, Sealed,
};
pub use cursor::{Cursor, Version};
pub use custom::{CUSTOM_PREFIX, CustomFields, CustomSteps};
pub use custom_policy::{CustomFieldPolicy, FieldContract};
pub use dead_letter::{DeadLetter, DeadLetterFilter, ParkedPayload, Resolution};
pub use diff::{DeepEqualDiffer, FieldDiffer, METADATA};
pub use echo::{TtlNotBelowPollInterval, check_ttl, tell_echoes};
pub use engine::{
    AllFailedPolicy, Brake, BuildError, EngineOptions, ExecuteSync, ExecuteSyncBuilder, FailurePolicy,
    NoopPolicy, Preview, PreviewItem, ReadMode, ReconcileSource, RunFailure, RunObserver, RunReport,
    RunRequest,
};
pub use error::{
    BoxError, Fault, LoopbackError, Retry, SinkError, SourceError, StoreError, SyncError, error_chain,
};
pub use event::ChangeEvent;
pub use field::FieldType;
pub use fields::{
    BackfillReport, BackfillState, ContractedFields, Drift, FieldBackfill, FieldDrift, FieldReport,
    FieldStanding, FieldTracker, KnownField, RemoteType, Retyped,
};
pub use fingerprint::Fingerprint;
pub use id::{
    ClaimId, ConnectionId, ConsumerName, DeadLetterId, EventId, ExternalId, HolderId, IntentId, LocalId,
    Provider, RunId, SubscriptionId, TenantId, UserId,
};
pub use local_change::{
    Adoption, EditId, EditOperation, FoldedEdit, FoldedField, Intent, LocalEdit, NewEdit, PLACEHOLDER_PREFIX,
    Remainder, Standing, fold_edits, is_placeholder, placeholder,
};
pub use merge::{Merge, MergeCycle, Moved, Redirect, RedirectChanges, Redirects};
pub use middleware::{ChangeMiddleware, LayeredSource};
pub use notice::{Backlog, Notice, NoticeKind, WaitingNotice};
pub use outbox::{
    AfterFailure, ClaimKey, ClaimRequest, ClaimedEvent, EventBody, FailedDelivery, Lane, OutboxEvent,
    ParkedDelivery, ParkedFilter, QueueState, RecordRef, Start,
};
pub use port::audit::AuditLog;
pub use port::authorisations::{AuthorisationStore, PendingAuthorisation, TakenAuthorisation};
pub use port::clock::{Clock, IdGenerator, Jitter, RandomJitter, SystemClock, TimeOrderedIds};
pub use port::conflicts::ConflictStore;
pub use port::connections::ConnectionStore;
pub use port::cursors::CursorStore;
pub use port::dead_letters::DeadLetterStore;
pub use port::emitter::ChangeEmitter;
pub use port::eraser::{TableRows, TenantEraser, count_tenant, erase_tenant, erasure_order};
pub use port::field_catalog::FieldCatalog;
pub use port::inbox::{CarriedRecords, WebhookInbox};
pub use port::leases::{Acquired, Lease, LeaseStore};
pub use port::local_changes::LocalChangeStore;
pub use port::loopback::{LoopbackFingerprintStore, WriteRecorder};
pub use port::outbox::{DeliveryStore, Outbox};
pub use port::recorder::RunRecorder;
pub use port::refreshes::RefreshStore;
pub use port::signal::{Channel, Signal, SignalListener};
pub use port::sink::{ListedRow, LocalListing, LocalRow, SyncSink, Upsert};
pub use port::source::{
    ChangeSource, ChangeStream, CustomFieldSource, FILTERED_OUT, Fetched, ListingPart, RecordFetcher,
    RemoteField, RemoteListing,
};
pub use port::subscriptions::SubscriptionStore;
pub use port::unit_of_work::UnitOfWork;
pub use port::writer::{RemoteOp, RemoteWrite, RemoteWriter, Written};
pub use run::{
    Action, Counts, Direction, ItemStatus, NewRun, Operation, RecordedItem, Run, RunEnd, RunItem, RunStatus,
};
pub use store::{Store, StorePorts, WritebackPorts, WritebackStore};
pub use subscription::{ConnectionKey, MissingTenantId, Scope, Subscription, require_tenant};
pub use sync_derive::Canonical;
pub use table::{CustomFieldStore, LinkDef, TableDef, TableEntity};
pub use tellers::{Tellers, Telling};
pub use typed_event::{
    AppEvent, ChangeSet, EventPayload, EventReadError, RowChange, Step, TypedEvent, event_field,
    event_object, event_payload,
};
pub use value::{FieldValue, ValueRef};
pub use writeback::{EditError, LocalEditor, Outgoing, WriteBack, WritebackOptions};
