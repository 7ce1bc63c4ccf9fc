//! Changes of the application's own, until the CRM has them, and questions for a person.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    Adoption, ChangedFields, Choice, Conflict, ConflictId, ConflictStore, EditId, ExternalId,
    LocalChangeStore, LocalEdit, NewEdit, Scope, Standing, StoreError, UserId,
};

use crate::MemoryStore;
use crate::state::{CatalogKey, Pending};
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl LocalChangeStore<MemoryTx> for MemoryStore {
    async fn append_edits(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        edits: &[NewEdit],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            for edit in edits {
                w.state.edits_appended += 1;
                let id = EditId(w.state.edits_appended);
                change(w, scope, |pending| pending.edits.push(LocalEdit { id, edit: edit.clone() }));
            }
        });
        Ok(())
    }

    async fn edits_of(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<LocalEdit>, StoreError> {
        Ok(read(tx, scope, |pending| {
            pending.edits.iter().filter(|e| records.contains(&e.edit.external_id)).cloned().collect()
        }))
    }

    async fn due_edits(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<LocalEdit>, StoreError> {
        Ok(read(tx, scope, |pending| {
            let mut last: HashMap<&ExternalId, EditId> = HashMap::new();
            for edit in &pending.edits {
                last.insert(&edit.edit.external_id, edit.id);
            }
            let is_due = |id: &ExternalId| {
                let standing = pending.standings.get(id);
                standing.is_none_or(|s| s.next_attempt_at <= now || last.get(id).is_some_and(|l| s.seen < *l))
            };
            let mut due: Vec<&ExternalId> = Vec::new();
            for edit in &pending.edits {
                let id = &edit.edit.external_id;
                if due.len() < limit as usize && !due.contains(&id) && is_due(id) {
                    due.push(id);
                }
            }
            pending.edits.iter().filter(|e| due.contains(&&e.edit.external_id)).cloned().collect()
        }))
    }

    async fn settle_edits(&self, tx: &mut MemoryTx, scope: &Scope, ids: &[EditId]) -> Result<(), StoreError> {
        tx.write(|w| change(w, scope, |pending| pending.edits.retain(|edit| !ids.contains(&edit.id))));
        Ok(())
    }

    async fn shrink_edits(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        edits: &[(EditId, ChangedFields)],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            change(w, scope, |pending| {
                for (id, fields) in edits {
                    if let Some(edit) = pending.edits.iter_mut().find(|edit| edit.id == *id) {
                        edit.edit.fields.clone_from(fields);
                    }
                }
            });
        });
        Ok(())
    }

    async fn standings(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Standing>, StoreError> {
        Ok(read(tx, scope, |pending| {
            let known = pending.standings.values();
            known.filter(|standing| records.contains(&standing.external_id)).cloned().collect()
        }))
    }

    async fn put_standings(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        standings: &[Standing],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            change(w, scope, |pending| {
                let named = standings.iter().map(|standing| (standing.external_id.clone(), standing.clone()));
                pending.standings.extend(named);
            });
        });
        Ok(())
    }

    async fn clear_standings(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<(), StoreError> {
        tx.write(|w| change(w, scope, |pending| pending.standings.retain(|id, _| !records.contains(id))));
        Ok(())
    }

    async fn waiting_records(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Standing>, StoreError> {
        let mut waiting: Vec<Standing> =
            read(tx, scope, |pending| pending.standings.values().cloned().collect());
        waiting.sort_by(|a, b| (a.next_attempt_at, &a.external_id).cmp(&(b.next_attempt_at, &b.external_id)));
        waiting.truncate(limit as usize);
        Ok(waiting)
    }

    async fn make_edits_due(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        records: &[ExternalId],
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            change(w, scope, |pending| {
                for id in records {
                    if let Some(standing) = pending.standings.get_mut(id) {
                        standing.next_attempt_at = standing.next_attempt_at.min(at);
                    }
                }
            });
        });
        Ok(())
    }

    async fn adopt_ids(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        adoptions: &[Adoption],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            for adoption in adoptions {
                change(w, scope, |pending| adopt(pending, adoption));
                let key = (scope.tenant.clone(), scope.connection.clone(), adoption.placeholder.clone());
                let before = w.state.adoptions.insert(key.clone(), adoption.external_id.clone());
                w.on_undo(move |state| match before {
                    Some(before) => drop(state.adoptions.insert(key, before)),
                    None => drop(state.adoptions.remove(&key)),
                });
            }
        });
        Ok(())
    }

    async fn adopted_ids(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        placeholders: &[ExternalId],
    ) -> Result<Vec<Adoption>, StoreError> {
        Ok(tx.read(|state| {
            let find = |placeholder: &ExternalId| {
                let key = (scope.tenant.clone(), scope.connection.clone(), placeholder.clone());
                let external_id = state.adoptions.get(&key)?.clone();
                Some(Adoption { placeholder: placeholder.clone(), external_id })
            };
            let mut adopted: Vec<_> = placeholders.iter().filter_map(find).collect();
            adopted.sort_by(|a, b| a.placeholder.cmp(&b.placeholder));
            adopted
        }))
    }
}

/// What the CRM's record has of its own stays.
fn adopt(pending: &mut Pending, Adoption { placeholder, external_id }: &Adoption) {
    for edit in pending.edits.iter_mut().filter(|edit| edit.edit.external_id == *placeholder) {
        edit.edit.external_id.clone_from(external_id);
    }
    if let Some(standing) = pending.standings.remove(placeholder) {
        let moved = Standing { external_id: external_id.clone(), ..standing };
        pending.standings.entry(external_id.clone()).or_insert(moved);
    }
    let taken: Vec<Option<String>> = pending
        .conflicts
        .iter()
        .filter(|conflict| conflict.external_id == *external_id)
        .map(|conflict| conflict.field.clone())
        .collect();
    for conflict in &mut pending.conflicts {
        if conflict.external_id == *placeholder && !taken.contains(&conflict.field) {
            conflict.external_id.clone_from(external_id);
        }
    }
}

#[async_trait]
impl ConflictStore<MemoryTx> for MemoryStore {
    async fn open_conflicts(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        conflicts: &[Conflict],
    ) -> Result<(), StoreError> {
        tx.write(|w| {
            change(w, scope, |pending| {
                for new in conflicts {
                    let same = |c: &&mut Conflict| c.external_id == new.external_id && c.field == new.field;
                    match pending.conflicts.iter_mut().find(same) {
                        Some(open) => {
                            let (id, opened_at) = (open.id, open.opened_at);
                            *open = Conflict { id, opened_at, ..new.clone() };
                        }
                        None => pending.conflicts.push(new.clone()),
                    }
                }
            });
        });
        Ok(())
    }

    async fn conflicts_of(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        records: &[ExternalId],
    ) -> Result<Vec<Conflict>, StoreError> {
        let mut found = self.list_conflicts(tx, scope, u32::MAX).await?;
        found.retain(|conflict| records.contains(&conflict.external_id));
        Ok(found)
    }

    async fn list_conflicts(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        limit: u32,
    ) -> Result<Vec<Conflict>, StoreError> {
        let mut open: Vec<Conflict> = read(tx, scope, |pending| pending.conflicts.clone());
        open.sort_by_key(|conflict| (conflict.opened_at, conflict.id));
        open.truncate(limit as usize);
        Ok(open)
    }

    async fn decide_conflict(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        id: ConflictId,
        choice: Choice,
        user: &UserId,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let decide = |pending: &mut Pending| {
            let conflict = pending.conflicts.iter_mut().find(|conflict| conflict.id == id)?;
            (conflict.choice, conflict.decided_by) = (Some(choice), Some(user.clone()));
            conflict.decided_at = Some(at);
            Some(())
        };
        let decided = tx.write(|w| change(w, scope, decide));
        decided.ok_or_else(|| StoreError::NotFound { what: "open conflict", id: id.0.to_string() })
    }

    async fn close_conflicts(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        ids: &[ConflictId],
        _at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        tx.write(|w| change(w, scope, |pending| pending.conflicts.retain(|c| !ids.contains(&c.id))));
        Ok(())
    }
}

fn read<R: Default>(tx: &MemoryTx, scope: &Scope, work: impl FnOnce(&Pending) -> R) -> R {
    tx.read(|state| state.pending.get(&CatalogKey::new(scope)).map(work).unwrap_or_default())
}

/// Changes what waits of an entity; undone as a whole, for there is little of it.
fn change<R>(w: &mut Writer<'_>, scope: &Scope, work: impl FnOnce(&mut Pending) -> R) -> R {
    let key = CatalogKey::new(scope);
    let pending = w.state.pending.entry(key.clone()).or_default();
    let before = pending.clone();
    let answer = work(pending);
    w.on_undo(move |state| drop(state.pending.insert(key, before)));
    answer
}
