//! The outbox: events wait here, in the transaction that made them, until their consumers have received them.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sync_core::{
    ChangeEmitter, ChangeEvent, Channel, EventBody, EventId, Lane, Operation, Outbox, OutboxEvent, RecordRef,
    RunId, Scope, StoreError, SubscriptionId, TenantId,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::JsonRows;
use crate::store::SqliteStore;
use crate::tx::SqliteTx;

/// `position` follows the order of the rows.
const EMIT: &str = "insert into sync_outbox (tenant_id, connection_id, entity, subscription_id, id, kind, external_id, \
     local_id, operation, changed_fields, run_id, source, at) \
     select ?1, ?2, ?3, ?4, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, \
     value ->> 7, value ->> 8 from jsonb_each(?5) order by key";

const PUBLISH: &str = "insert into sync_outbox (id, tenant_id, connection_id, entity, lane, subscription_id, kind, \
     external_id, local_id, operation, changed_fields, payload, run_id, source, at) \
     select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
     value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14 \
     from jsonb_each(?1) order by key";

/// The columns that [`read`] reads, of a table `o`.
macro_rules! columns {
    () => {
        "o.id, o.tenant_id, o.connection_id, o.entity, o.lane, o.subscription_id, o.kind, o.external_id, \
         o.local_id, o.operation, o.changed_fields, o.payload, o.run_id, o.source, o.at"
    };
}

pub(crate) use columns;

const COLUMNS: [&str; 15] = [
    "id",
    "tenant_id",
    "connection_id",
    "entity",
    "lane",
    "subscription_id",
    "kind",
    "external_id",
    "local_id",
    "operation",
    "changed_fields",
    "payload",
    "run_id",
    "source",
    "at",
];

/// Bytes of a usual event.
const ROW_SIZE: usize = 512;
const PUBLISHING: &str = "publishing events";

#[async_trait]
impl ChangeEmitter<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.outbox.emit", skip_all, fields(n_events = events.len()), err)]
    async fn emit(&self, tx: &mut SqliteTx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError> {
        tx.require_tenant(scope)?;
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(events.len(), ROW_SIZE);
        for event in events {
            rows.row(|row| write_change(row, event));
        }
        let emit = sqlx::query(EMIT)
            .bind(scope.tenant_key())
            .bind(scope.connection.as_str())
            .bind(scope.entity)
            .bind(scope.subscription.to_string())
            .bind(rows.finish());
        tx.execute(emit).await.map_err(store_error(PUBLISHING))?;
        tx.tell_at_commit(Channel::Outbox);
        Ok(())
    }
}

#[async_trait]
impl Outbox<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.outbox.publish", skip_all, fields(n_events = events.len()), err)]
    async fn publish(&self, tx: &mut SqliteTx, events: &[OutboxEvent]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut rows = JsonRows::new(events.len(), ROW_SIZE);
        for event in events {
            tx.require_named(event.tenant.as_ref())?;
            rows.row(|row| write_event(row, event));
        }
        tx.execute(sqlx::query(PUBLISH).bind(rows.finish())).await.map_err(store_error(PUBLISHING))?;
        tx.tell_at_commit(Channel::Outbox);
        Ok(())
    }
}

fn write_change(row: &mut JsonRows, event: &ChangeEvent) {
    row.uuid(event.id.0);
    row.text(&event.kind);
    row.text(event.external_id.as_str());
    row.text(event.local_id.as_str());
    row.text(event.operation.as_str());
    row.object(&event.changed_fields);
    row.uuid(event.run.0);
    row.text(event.source);
    row.instant(event.at);
}

/// The event as a row of `PUBLISH`.
fn write_event(row: &mut JsonRows, event: &OutboxEvent) {
    row.uuid(event.id.0);
    row.text(event.tenant.as_ref().map_or("", TenantId::as_str));
    row.text(event.connection.as_ref().map_or("", |connection| connection.as_str()));
    row.text(event.record.as_ref().map_or("", |record| &record.entity));
    row.text(event.lane.as_str());
    let external_id = event.record.as_ref().map_or("", |record| record.external_id.as_str());
    match &event.body {
        EventBody::Change { local_id, operation, changed_fields, run, subscription } => {
            row.uuid(subscription.0);
            row.text(&event.kind);
            row.text(external_id);
            row.text(local_id.as_str());
            row.text(operation.as_str());
            row.object(changed_fields);
            row.null();
            row.uuid(run.0);
        }
        EventBody::Message(payload) => {
            row.null();
            row.text(&event.kind);
            row.text(external_id);
            (0..3).for_each(|_| row.null());
            row.quoted(payload);
            row.null();
        }
    }
    row.text(&event.source);
    row.instant(event.at);
}

/// Reads [`columns`], the only ones of the row.
pub(crate) fn read(row: &SqliteRow) -> Result<OutboxEvent, StoreError> {
    let row = Stored::new(row, "sync_outbox", &COLUMNS);
    let some = |column| row.text(column).map(|text| (!text.is_empty()).then(|| text.to_owned()));
    let body = if row.opt_text(9)?.is_some() {
        EventBody::Change {
            local_id: row.text(8)?.into(),
            operation: row.name(9, Operation::parse)?,
            changed_fields: row.json(10)?,
            run: RunId(row.uuid(12)?),
            subscription: SubscriptionId(row.uuid(5)?),
        }
    } else {
        EventBody::Message(row.json(11)?)
    };
    let entity = row.text(3)?;
    Ok(OutboxEvent {
        id: EventId(row.uuid(0)?),
        lane: row.name(4, Lane::parse)?,
        kind: row.text(6)?.to_owned(),
        tenant: some(1)?.map(Into::into),
        connection: some(2)?.map(Into::into),
        record: some(7)?.map(|id| RecordRef::new(entity, id)),
        source: row.text(13)?.to_owned(),
        body,
        at: row.instant(14)?,
    })
}
