//! The outbox: events wait here, in the transaction that made them, until their consumers have received them.

use std::sync::LazyLock;

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::types::chrono::{DateTime, Utc};
use sync_core::{
    ChangeEmitter, ChangeEvent, ChangedFields, EventBody, EventId, Lane, Operation, Outbox, OutboxEvent,
    RecordRef, RunId, Scope, StoreError, SubscriptionId, TenantId,
};
use uuid::Uuid;

use crate::copy::{self, ColumnType, CopyRows, CopyTarget};
use crate::error::store_error;
use crate::store::PgStore;
use crate::tx::PgTx;

/// Columns of a change that a run applied.
static EMIT: LazyLock<CopyTarget> = LazyLock::new(|| CopyTarget::new("sync_outbox", CHANGE_COLUMNS));

/// Columns of any event.
static PUBLISH: LazyLock<CopyTarget> = LazyLock::new(|| {
    let more = [("lane", ColumnType::Text), ("payload", ColumnType::Json)];
    CopyTarget::new("sync_outbox", CHANGE_COLUMNS.into_iter().chain(more))
});

const CHANGE_COLUMNS: [(&str, ColumnType); 13] = [
    ("id", ColumnType::Uuid),
    ("tenant_id", ColumnType::Text),
    ("connection_id", ColumnType::Text),
    ("entity", ColumnType::Text),
    ("subscription_id", ColumnType::Uuid),
    ("kind", ColumnType::Text),
    ("external_id", ColumnType::Text),
    ("local_id", ColumnType::Text),
    ("operation", ColumnType::Text),
    ("changed_fields", ColumnType::Json),
    ("run_id", ColumnType::Uuid),
    ("source", ColumnType::Text),
    ("at", ColumnType::Instant),
];

/// The columns that [`read`] reads, of a table `o`.
macro_rules! columns {
    () => {
        "o.id, o.tenant_id, o.connection_id, o.entity, o.subscription_id, o.kind, o.external_id, o.local_id, \
         o.operation, o.changed_fields, o.run_id, o.source, o.at, o.lane, o.payload"
    };
}

pub(crate) use columns;

/// Bytes of a usual event.
const ROW_SIZE: usize = 512;
const PUBLISHING: &str = "publishing events";

#[async_trait]
impl ChangeEmitter<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.outbox.emit", skip_all, fields(n_events = events.len()), err)]
    async fn emit(&self, tx: &mut PgTx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = CopyRows::new(13, events.len(), ROW_SIZE);
        for event in events {
            let row = rows.row();
            copy::uuid(row, event.id.0);
            copy::text(row, scope.tenant_key());
            copy::text(row, scope.connection.as_str());
            copy::text(row, scope.entity);
            copy::uuid(row, scope.subscription.0);
            copy::text(row, &event.kind);
            copy::audit_text(row, event.external_id.as_str());
            copy::audit_text(row, event.local_id.as_str());
            copy::text(row, event.operation.as_str());
            copy::json(row, &event.changed_fields);
            copy::uuid(row, event.run.0);
            copy::text(row, event.source);
            copy::instant(row, event.at);
        }
        tx.copy(&EMIT, rows).await.map_err(store_error(PUBLISHING))
    }
}

#[async_trait]
impl Outbox<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.outbox.publish", skip_all, fields(n_events = events.len()), err)]
    async fn publish(&self, tx: &mut PgTx, events: &[OutboxEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = CopyRows::new(15, events.len(), ROW_SIZE);
        for event in events {
            tx.require_named(event.tenant.as_ref())?;
            write(rows.row(), event);
        }
        tx.copy(&PUBLISH, rows).await.map_err(store_error(PUBLISHING))
    }
}

/// The event as a row for `PUBLISH`.
fn write(row: &mut Vec<u8>, event: &OutboxEvent) {
    copy::uuid(row, event.id.0);
    copy::text(row, event.tenant.as_ref().map_or("", TenantId::as_str));
    copy::text(row, event.connection.as_ref().map_or("", |connection| connection.as_str()));
    copy::audit_text(row, event.record.as_ref().map_or("", |record| &record.entity));
    let external_id = event.record.as_ref().map_or("", |record| record.external_id.as_str());
    match &event.body {
        EventBody::Change { local_id, operation, changed_fields, run, subscription } => {
            copy::uuid(row, subscription.0);
            copy::text(row, &event.kind);
            copy::audit_text(row, external_id);
            copy::audit_text(row, local_id.as_str());
            copy::text(row, operation.as_str());
            copy::json(row, changed_fields);
            copy::uuid(row, run.0);
        }
        EventBody::Message(_) => {
            copy::null(row);
            copy::text(row, &event.kind);
            copy::audit_text(row, external_id);
            (0..4).for_each(|_| copy::null(row));
        }
    }
    copy::text(row, &event.source);
    copy::instant(row, event.at);
    copy::text(row, event.lane.as_str());
    match &event.body {
        EventBody::Change { .. } => copy::null(row),
        EventBody::Message(payload) => copy::json(row, payload),
    }
}

/// Reads [`columns`], the first of which is column `first`.
pub(crate) fn read(row: &PgRow, first: usize) -> Result<OutboxEvent, StoreError> {
    let id: Uuid = get(row, first)?;
    let text = |column| get::<&str>(row, first + column);
    let unknown = |column, reason: &str| StoreError::Corrupt {
        table: "sync_outbox",
        column,
        row: id.to_string(),
        reason: reason.to_owned(),
    };
    let body = match get::<Option<&str>>(row, first + 8)? {
        Some(operation) => EventBody::Change {
            local_id: text(7)?.into(),
            operation: Operation::parse(operation)
                .ok_or_else(|| unknown("operation", "its name is not known"))?,
            changed_fields: get::<Json<ChangedFields>>(row, first + 9)?.0,
            run: RunId(get(row, first + 10)?),
            subscription: SubscriptionId(get(row, first + 4)?),
        },
        None => {
            let payload = get::<Option<Json<_>>>(row, first + 14)?;
            EventBody::Message(payload.ok_or_else(|| unknown("payload", "it is empty"))?.0)
        }
    };
    let entity = text(3)?;
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Ok(OutboxEvent {
        id: EventId(id),
        lane: Lane::parse(text(13)?).ok_or_else(|| unknown("lane", "its name is not known"))?,
        kind: text(5)?.to_owned(),
        tenant: some(text(1)?).map(Into::into),
        connection: some(text(2)?).map(Into::into),
        record: some(text(6)?).map(|id| RecordRef::new(entity, id)),
        source: text(11)?.to_owned(),
        body,
        at: get::<DateTime<Utc>>(row, first + 12)?,
    })
}

pub(crate) fn get<'r, V>(row: &'r PgRow, column: usize) -> Result<V, StoreError>
where
    V: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(store_error("reading events"))
}
