//! The outbox.

use async_trait::async_trait;
use sync_core::{
    ChangeEmitter, ChangeEvent, Channel, EventBody, Lane, Outbox, OutboxEvent, RecordRef, Scope, StoreError,
};

use crate::deliveries::fan_out;
use crate::{MemoryStore, MemoryTx};

#[async_trait]
impl ChangeEmitter<MemoryTx> for MemoryStore {
    async fn emit(&self, tx: &mut MemoryTx, scope: &Scope, events: &[ChangeEvent]) -> Result<(), StoreError> {
        add(tx, events.iter().map(|event| from_change(scope, event)));
        Ok(())
    }
}

#[async_trait]
impl Outbox<MemoryTx> for MemoryStore {
    async fn publish(&self, tx: &mut MemoryTx, events: &[OutboxEvent]) -> Result<(), StoreError> {
        add(tx, events.iter().cloned());
        Ok(())
    }
}

fn add(tx: &mut MemoryTx, events: impl Iterator<Item = OutboxEvent>) {
    tx.write(|w| {
        for event in events {
            // Never used twice, as in a database: a position that was rolled back leaves a gap.
            w.state.outbox_position += 1;
            let position = w.state.outbox_position;
            fan_out(w, position, &event);
            w.state.outbox.insert(position, event);
            w.on_undo(move |state| drop(state.outbox.remove(&position)));
        }
    });
    tx.tell_at_commit(Channel::Outbox);
}

fn from_change(scope: &Scope, event: &ChangeEvent) -> OutboxEvent {
    OutboxEvent {
        id: event.id,
        lane: Lane::Change,
        kind: event.kind.clone(),
        tenant: scope.tenant.clone(),
        connection: Some(scope.connection.clone()),
        record: Some(RecordRef::new(scope.entity, event.external_id.clone())),
        source: event.source.to_owned(),
        body: EventBody::Change {
            local_id: event.local_id.clone(),
            operation: event.operation,
            changed_fields: event.changed_fields.clone(),
            run: event.run,
            subscription: scope.subscription,
        },
        at: event.at,
    }
}

/// The applied change that an event tells of; `None` for an event of the application.
pub(crate) fn to_change(event: &OutboxEvent) -> Option<ChangeEvent> {
    let EventBody::Change { local_id, operation, changed_fields, run, .. } = &event.body else { return None };
    Some(ChangeEvent {
        id: event.id,
        kind: event.kind.clone(),
        external_id: event.record.as_ref()?.external_id.clone(),
        local_id: local_id.clone(),
        operation: *operation,
        changed_fields: changed_fields.clone(),
        run: *run,
        source: match &*event.source {
            "integration" => "integration",
            "local" => "local",
            "writeback" => "writeback",
            _ => "other",
        },
        at: event.at,
    })
}
