//! A tenant's rows, counted and removed.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sync_core::{RunId, StoreError, SubscriptionId, TableRows, TenantEraser, TenantId};

use crate::MemoryStore;
use crate::state::{Pending, RecordKey, RunRow, State};
use crate::tx::MemoryTx;

#[async_trait]
impl TenantEraser<MemoryTx> for MemoryStore {
    async fn tenant_rows(&self, tx: &mut MemoryTx, tenant: &TenantId) -> Result<Vec<TableRows>, StoreError> {
        Ok(tx.read(|state| erase(&mut state.clone(), tenant, u64::MAX)))
    }

    async fn erase_rows(
        &self,
        tx: &mut MemoryTx,
        tenant: &TenantId,
        limit: u32,
    ) -> Result<Vec<TableRows>, StoreError> {
        Ok(tx.write(|w| {
            let before = w.state.clone();
            w.on_undo(move |state| *state = before);
            erase(w.state, tenant, limit.into())
        }))
    }
}

/// Counts off what may still go.
struct Budget {
    left: u64,
    erased: Vec<TableRows>,
}

impl Budget {
    /// Lets go of what belongs to the tenant while there is budget; for `retain`.
    fn keeps(&mut self, table: &str, is_theirs: bool) -> bool {
        if !is_theirs || self.left == 0 {
            return true;
        }
        self.left -= 1;
        match self.erased.iter_mut().find(|rows| rows.table == table) {
            Some(rows) => rows.rows += 1,
            None => self.erased.push(TableRows { table: table.to_owned(), rows: 1 }),
        }
        false
    }
}

fn erase(state: &mut State, tenant: &TenantId, limit: u64) -> Vec<TableRows> {
    // Field by field, so that one that is added later is not forgotten.
    let State {
        subscriptions,
        runs,
        run_positions,
        history,
        letters,
        letters_parked: _,
        leases,
        fields,
        notices,
        notice_positions,
        notices_staged: _,
        outbox,
        outbox_position: _,
        // Of the installation.
        consumers: _,
        deliveries,
        tables,
        redirects,
        connections,
        grants,
        authorisations,
        pending,
        edits_appended: _,
        adoptions,
    } = state;
    let own = Some(tenant);
    let of_subscriptions: HashSet<SubscriptionId> =
        subscriptions.iter().filter(|s| s.tenant.as_ref() == own).map(|s| s.id).collect();
    let of_runs: HashSet<RunId> =
        runs.iter().filter(|row| row.run.tenant.as_ref() == own).map(|row| row.run.id).collect();
    subscriptions.iter_mut().filter(|s| s.tenant.as_ref() == own).for_each(|s| s.paused = true);

    let mut budget = Budget { left: limit, erased: Vec::new() };
    leases.retain(|id, _| budget.keeps("leases", of_subscriptions.contains(id)));
    deliveries.retain(|(.., position), _| {
        let event = outbox.get(position);
        budget.keeps("deliveries", event.is_some_and(|event| event.tenant.as_ref() == own))
    });
    // Behind its deliveries, which are told apart by it.
    let waiting: HashSet<i64> = deliveries.keys().map(|(.., position)| *position).collect();
    outbox.retain(|position, event| {
        waiting.contains(position) || budget.keeps("outbox", event.tenant.as_ref() == own)
    });
    letters.retain(|_, row| budget.keeps("dead_letters", row.tenant.as_ref() == own));
    redirects.retain(|key, _| budget.keeps("redirects", key.tenant.as_ref() == own));
    fields.retain(|key, _| budget.keeps("fields", key.tenant.as_ref() == own));
    notice_positions.retain(|key, position| {
        let keeps = budget.keeps("webhook_inbox", key.tenant.as_ref() == own);
        if !keeps {
            notices.remove(position);
        }
        keeps
    });
    connections.retain(|key, _| budget.keeps("connections", key.tenant.as_ref() == own));
    grants.retain(|row| budget.keeps("grants", row.key.tenant.as_ref() == own));
    authorisations.retain(|(tenant, _), _| budget.keeps("authorisations", tenant.as_ref() == own));
    for (_, waiting) in pending.iter_mut().filter(|(key, _)| key.tenant.as_ref() == own) {
        forget_pending(waiting, &mut budget);
    }
    adoptions.retain(|(tenant, ..), _| budget.keeps("adoptions", tenant.as_ref() == own));
    for (name, rows) in tables {
        rows.retain(|key, _| budget.keeps(name, key.tenant.as_ref() == own));
    }
    for row in runs.iter_mut().filter(|row| of_runs.contains(&row.run.id)) {
        row.items.retain(|_, _| budget.keeps("run_items", true));
    }
    let places: Vec<RunId> = runs.iter().map(|row| row.run.id).collect();
    runs.retain(|row| !row.items.is_empty() || budget.keeps("runs", of_runs.contains(&row.run.id)));
    *run_positions = runs.iter().enumerate().map(|(place, row)| (row.run.id, place)).collect();
    follow_runs(history, runs, &places, run_positions);
    subscriptions.retain(|s| budget.keeps("subscriptions", s.tenant.as_ref() == own));
    budget.erased
}

fn forget_pending(waiting: &mut Pending, budget: &mut Budget) {
    waiting.edits.retain(|_| budget.keeps("local_changes", true));
    waiting.standings.retain(|_, _| budget.keeps("standings", true));
    waiting.conflicts.retain(|_| budget.keeps("conflicts", true));
}

/// Lets the history of records point to where the runs are now, and forgets what is gone. `places` is where they were.
fn follow_runs(
    history: &mut HashMap<RecordKey, Vec<(usize, i64)>>,
    runs: &[RunRow],
    places: &[RunId],
    run_positions: &HashMap<RunId, usize>,
) {
    let moved: HashMap<usize, usize> =
        places.iter().enumerate().filter_map(|(old, id)| Some((old, *run_positions.get(id)?))).collect();
    history.retain(|_, steps| {
        steps.retain_mut(|(place, number)| match moved.get(place) {
            Some(new) if runs[*new].items.contains_key(number) => {
                *place = *new;
                true
            }
            _ => false,
        });
        !steps.is_empty()
    });
}
