//! What the store holds.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sync_core::{
    Conflict, Connection, ConnectionId, ConnectionKey, DeadLetter, ExternalId, Grantor, HolderId, KnownField,
    LocalEdit, LocalId, Notice, OutboxEvent, PendingAuthorisation, Provider, RecordedItem, Redirect, Run,
    RunId, Scope, Standing, Subscription, SubscriptionId, TenantId, Version, WaitingNotice,
};

use crate::deliveries::{Delivery, DeliveryKey, QueueKey};

/// Everything, plain. Changed through [`Writer`](crate::tx::Writer) only, which notes how to undo it.
#[derive(Clone, Default)]
pub(crate) struct State {
    /// In the order of their adding.
    pub(crate) subscriptions: Vec<Subscription>,
    /// In the order of their opening.
    pub(crate) runs: Vec<RunRow>,
    /// Where a run is among `runs`.
    pub(crate) run_positions: HashMap<RunId, usize>,
    /// Which items make up a record's history: position of the run and number of the item.
    pub(crate) history: HashMap<RecordKey, Vec<(usize, i64)>>,
    /// Open letters.
    pub(crate) letters: BTreeMap<(SubscriptionId, ExternalId), LetterRow>,
    /// How many letters were ever parked: their order where they were parked at the same instant.
    pub(crate) letters_parked: u64,
    pub(crate) leases: HashMap<SubscriptionId, LeaseRow>,
    /// Known custom fields by name; an empty map where it is known that there are none.
    pub(crate) fields: HashMap<CatalogKey, BTreeMap<Arc<str>, KnownField>>,
    /// Published events by their position.
    pub(crate) outbox: BTreeMap<i64, OutboxEvent>,
    /// The last position that was given.
    pub(crate) outbox_position: i64,
    pub(crate) consumers: BTreeSet<QueueKey>,
    /// What was not received yet.
    pub(crate) deliveries: BTreeMap<DeliveryKey, Delivery>,
    /// Notices by position.
    pub(crate) notices: BTreeMap<i64, NoticeRow>,
    pub(crate) notice_positions: HashMap<NoticeKey, i64>,
    /// How many notices were ever staged.
    pub(crate) notices_staged: i64,
    pub(crate) tables: HashMap<&'static str, BTreeMap<RowKey, Row>>,
    /// Records that were merged, by the loser.
    pub(crate) redirects: HashMap<RecordKey, Redirect>,
    pub(crate) connections: BTreeMap<ConnectionKey, ConnectionRow>,
    /// In the order of their keeping.
    pub(crate) grants: Vec<GrantRow>,
    /// By tenant and digest of the state.
    pub(crate) authorisations: BTreeMap<(Option<TenantId>, Vec<u8>), AuthorisationRow>,
    /// What waits to be sent to the CRM.
    pub(crate) pending: HashMap<CatalogKey, Pending>,
    /// How many edits were ever appended.
    pub(crate) edits_appended: i64,
    /// What placeholders became.
    pub(crate) adoptions: HashMap<(Option<TenantId>, ConnectionId, ExternalId), ExternalId>,
}

/// What waits of one entity to be sent.
#[derive(Clone, Default)]
pub(crate) struct Pending {
    /// In the order of their appending.
    pub(crate) edits: Vec<LocalEdit>,
    pub(crate) standings: BTreeMap<ExternalId, Standing>,
    /// Those that are not closed.
    pub(crate) conflicts: Vec<Conflict>,
}

#[derive(Clone)]
pub(crate) struct ConnectionRow {
    pub(crate) connection: Connection,
    /// The fencing token of the latest right to refresh.
    pub(crate) token: i64,
}

#[derive(Clone)]
pub(crate) struct GrantRow {
    pub(crate) key: ConnectionKey,
    pub(crate) provider: Provider,
    pub(crate) grantor: Grantor,
}

#[derive(Clone)]
pub(crate) struct AuthorisationRow {
    pub(crate) pending: PendingAuthorisation,
    pub(crate) used: bool,
}

#[derive(Clone)]
pub(crate) struct RunRow {
    pub(crate) run: Run,
    /// The last batch that was committed.
    pub(crate) batches: i64,
    pub(crate) items: BTreeMap<i64, RecordedItem>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct RecordKey {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) connection: ConnectionId,
    pub(crate) entity: String,
    pub(crate) external_id: ExternalId,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct CatalogKey {
    pub(crate) tenant: Option<TenantId>,
    connection: ConnectionId,
    entity: String,
}

#[derive(Clone)]
pub(crate) struct LetterRow {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) number: u64,
    pub(crate) letter: DeadLetter,
}

#[derive(Clone)]
pub(crate) struct LeaseRow {
    pub(crate) holder: HolderId,
    pub(crate) token: i64,
    /// `None` when it was given up.
    pub(crate) expires_at: Option<DateTime<Utc>>,
}

#[derive(Clone)]
pub(crate) struct NoticeRow {
    pub(crate) waiting: WaitingNotice,
    pub(crate) settled_at: Option<DateTime<Utc>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct NoticeKey {
    pub(crate) tenant: Option<TenantId>,
    connection: ConnectionId,
    subscription: SubscriptionId,
    dedup_key: Box<str>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowKey {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) connection: ConnectionId,
    pub(crate) external_id: ExternalId,
}

#[derive(Clone)]
pub(crate) struct Row {
    pub(crate) local_id: LocalId,
    /// The record, of its sink's type.
    pub(crate) record: Arc<dyn Any + Send + Sync>,
    pub(crate) deleted: bool,
    pub(crate) version: Option<Version>,
}

impl RowKey {
    pub(crate) fn new(scope: &Scope, external_id: &ExternalId) -> Self {
        Self {
            tenant: scope.tenant.clone(),
            connection: scope.connection.clone(),
            external_id: external_id.clone(),
        }
    }
}

impl RecordKey {
    /// A record of the scope's own entity.
    pub(crate) fn new(scope: &Scope, external_id: &ExternalId) -> Self {
        Self::of(scope, scope.entity, external_id)
    }

    pub(crate) fn of(scope: &Scope, entity: &str, external_id: &ExternalId) -> Self {
        Self {
            tenant: scope.tenant.clone(),
            connection: scope.connection.clone(),
            entity: entity.to_owned(),
            external_id: external_id.clone(),
        }
    }
}

impl NoticeKey {
    pub(crate) fn new(scope: &Scope, dedup_key: &str) -> Self {
        Self {
            tenant: scope.tenant.clone(),
            connection: scope.connection.clone(),
            subscription: scope.subscription,
            dedup_key: dedup_key.into(),
        }
    }

    pub(crate) fn of(notice: &Notice) -> Self {
        Self {
            tenant: notice.key.tenant.clone(),
            connection: notice.key.connection.clone(),
            subscription: notice.subscription,
            dedup_key: notice.dedup_key.clone(),
        }
    }
}

impl CatalogKey {
    pub(crate) fn new(scope: &Scope) -> Self {
        Self {
            tenant: scope.tenant.clone(),
            connection: scope.connection.clone(),
            entity: scope.entity.to_owned(),
        }
    }
}

impl State {
    /// Whose row a link to this record leads to: its own, or that of the record it was merged into.
    pub(crate) fn survivor<'a>(&'a self, scope: &Scope, entity: &str, id: &'a ExternalId) -> &'a ExternalId {
        self.redirects.get(&RecordKey::of(scope, entity, id)).map_or(id, |redirect| &redirect.winner)
    }

    /// A run of the scope's tenant.
    pub(crate) fn run(&self, scope: &Scope, id: RunId) -> Option<(usize, &RunRow)> {
        let position = *self.run_positions.get(&id)?;
        let row = &self.runs[position];
        (row.run.tenant == scope.tenant).then_some((position, row))
    }

    /// Where a subscription of this tenant is.
    pub(crate) fn subscription(&self, tenant: Option<&TenantId>, id: SubscriptionId) -> Option<usize> {
        self.subscriptions.iter().position(|s| s.id == id && s.tenant.as_ref() == tenant)
    }

    /// The scope's open letters, oldest first.
    pub(crate) fn letters(&self, scope: &Scope) -> Vec<&LetterRow> {
        let first = (scope.subscription, ExternalId::from(""));
        let mut rows: Vec<_> = self
            .letters
            .range(first..)
            .take_while(|((subscription, _), _)| *subscription == scope.subscription)
            .map(|(_, row)| row)
            .filter(|row| row.tenant == scope.tenant)
            .collect();
        rows.sort_by_key(|row| (row.letter.parked_at, row.number));
        rows
    }
}
