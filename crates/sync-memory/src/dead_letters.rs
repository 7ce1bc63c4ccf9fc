//! Parked changes.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    DeadLetter, DeadLetterFilter, DeadLetterId, DeadLetterStore, ExternalId, Resolution, Scope, StoreError,
    SubscriptionId,
};

use crate::MemoryStore;
use crate::state::LetterRow;
use crate::text::printable;
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl DeadLetterStore<MemoryTx> for MemoryStore {
    async fn park(&self, tx: &mut MemoryTx, scope: &Scope, letters: &[DeadLetter]) -> Result<(), StoreError> {
        tx.write(|w| {
            let is_anothers = |letter: &DeadLetter| {
                let open = w.state.letters.get(&(scope.subscription, letter.external_id.clone()));
                open.is_some_and(|open| open.tenant != scope.tenant)
            };
            if letters.iter().any(is_anothers) {
                let id = scope.subscription.to_string();
                return Err(StoreError::NotFound { what: "subscription", id });
            }
            for letter in letters {
                let key = (scope.subscription, letter.external_id.clone());
                w.state.letters_parked += 1;
                let mut row = LetterRow {
                    tenant: scope.tenant.clone(),
                    number: w.state.letters_parked,
                    letter: letter.clone(),
                };
                row.letter.error = printable(&letter.error).into_owned();
                if let Some(open) = w.state.letters.get(&key) {
                    row.number = open.number;
                    row.letter.id = open.letter.id;
                    row.letter.parked_at = open.letter.parked_at;
                }
                put(w, key, Some(row));
            }
            Ok(())
        })
    }

    async fn open_letters(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(tx.read(|state| {
            let rows = ids.iter().filter_map(|id| state.letters.get(&(scope.subscription, id.clone())));
            rows.filter(|row| row.tenant == scope.tenant).map(|row| row.letter.clone()).collect()
        }))
    }

    async fn count_open(&self, tx: &mut MemoryTx, scope: &Scope) -> Result<u64, StoreError> {
        Ok(tx.read(|state| state.letters(scope).len() as u64))
    }

    async fn due(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(select(tx, scope, limit, |letter| letter.next_attempt_at <= now))
    }

    async fn resolve(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[DeadLetterId],
        _resolution: Resolution,
        _at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            let ids: std::collections::HashSet<_> = ids.iter().collect();
            let closed = w.state.letters(scope).into_iter().filter(|row| ids.contains(&row.letter.id));
            let closed: Vec<_> = closed.map(|row| row.letter.external_id.clone()).collect();
            for external_id in closed {
                put(w, (scope.subscription, external_id), None);
            }
            Ok(())
        })
    }

    async fn list(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(select(tx, scope, limit, |letter| is_meant(letter, filter)))
    }

    async fn make_due(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        filter: &DeadLetterFilter,
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.write(|w| {
            let meant = w.state.letters(scope).into_iter().filter(|row| is_meant(&row.letter, filter));
            let meant: Vec<LetterRow> = meant.cloned().collect();
            let n_letters = meant.len() as u64;
            for mut row in meant {
                row.letter.next_attempt_at = at;
                put(w, (scope.subscription, row.letter.external_id.clone()), Some(row));
            }
            Ok(n_letters)
        })
    }
}

fn select(tx: &MemoryTx, scope: &Scope, limit: u32, keep: impl Fn(&DeadLetter) -> bool) -> Vec<DeadLetter> {
    tx.read(|state| {
        let letters = state.letters(scope).into_iter().map(|row| &row.letter);
        letters.filter(|letter| keep(letter)).take(limit as usize).cloned().collect()
    })
}

fn is_meant(letter: &DeadLetter, filter: &DeadLetterFilter) -> bool {
    filter.external_id.as_ref().is_none_or(|id| *id == letter.external_id)
        && filter.error_class.as_ref().is_none_or(|class| *class == letter.error_class)
        && filter.run.is_none_or(|run| run == letter.run)
}

/// Puts a letter in the place of the open one of its record, or takes that away.
fn put(w: &mut Writer<'_>, key: (SubscriptionId, ExternalId), row: Option<LetterRow>) {
    let before = match row {
        Some(row) => w.state.letters.insert(key.clone(), row),
        None => w.state.letters.remove(&key),
    };
    w.on_undo(move |state| match before {
        Some(before) => drop(state.letters.insert(key, before)),
        None => drop(state.letters.remove(&key)),
    });
}
