//! Notices of webhooks.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sync_core::{
    Backlog, Channel, Notice, Scope, StoreError, SubscriptionId, TenantId, WaitingNotice, WebhookInbox,
};

use crate::MemoryStore;
use crate::state::{NoticeKey, NoticeRow};
use crate::tx::{MemoryTx, Writer};

#[async_trait]
impl WebhookInbox<MemoryTx> for MemoryStore {
    async fn stage(
        &self,
        tx: &mut MemoryTx,
        notices: &[Notice],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let n_new = tx.write(|w| notices.iter().map(|notice| u64::from(add(w, notice, at))).sum());
        if n_new > 0 {
            tx.tell_at_commit(Channel::Inbox);
        }
        Ok(n_new)
    }

    async fn waiting<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        subscription: SubscriptionId,
        limit: u32,
    ) -> Result<Vec<WaitingNotice>, StoreError> {
        let is_wanted = |row: &&NoticeRow| {
            let notice = &row.waiting.notice;
            row.settled_at.is_none()
                && notice.subscription == subscription
                && notice.key.tenant.as_ref() == tenant
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(tx.read(|state| {
            let wanted = state.notices.values().filter(is_wanted).take(limit);
            wanted.map(|row| row.waiting.clone()).collect()
        }))
    }

    async fn settle(
        &self,
        tx: &mut MemoryTx,
        scope: &Scope,
        dedup_keys: &[Box<str>],
        at: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.write(|w| Ok(dedup_keys.iter().map(|key| u64::from(settle_one(w, scope, key, at))).sum()))
    }

    async fn backlog<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
    ) -> Result<Vec<Backlog>, StoreError> {
        let mut found: BTreeMap<SubscriptionId, Backlog> = BTreeMap::new();
        tx.read(|state| {
            for row in state.notices.values().filter(|row| row.settled_at.is_none()) {
                let WaitingNotice { received_at, notice, .. } = &row.waiting;
                if notice.key.tenant.as_ref() != tenant {
                    continue;
                }
                let subscription = notice.subscription;
                let none = Backlog { subscription, n_waiting: 0, oldest: *received_at };
                let backlog = found.entry(subscription).or_insert(none);
                backlog.n_waiting += 1;
                backlog.oldest = backlog.oldest.min(*received_at);
            }
        });
        let mut found: Vec<_> = found.into_values().collect();
        found.sort_by_key(|backlog| backlog.oldest);
        Ok(found)
    }

    async fn purge_settled<'a>(
        &self,
        tx: &mut MemoryTx,
        tenant: Option<&'a TenantId>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        tx.write(|w| {
            let is_old = |row: &NoticeRow| {
                row.waiting.notice.key.tenant.as_ref() == tenant
                    && row.settled_at.is_some_and(|settled| settled < before)
            };
            let old: Vec<i64> = w
                .state
                .notices
                .iter()
                .filter(|(_, row)| is_old(row))
                .map(|(position, _)| *position)
                .collect();
            for position in &old {
                remove(w, *position);
            }
            Ok(old.len() as u64)
        })
    }
}

/// Whether it was new.
fn add(w: &mut Writer<'_>, notice: &Notice, at: DateTime<Utc>) -> bool {
    let key = NoticeKey::of(notice);
    if w.state.notice_positions.contains_key(&key) {
        return false;
    }
    w.state.notices_staged += 1;
    let position = w.state.notices_staged;
    let waiting = WaitingNotice { position, received_at: at, notice: notice.clone() };
    w.state.notices.insert(position, NoticeRow { waiting, settled_at: None });
    w.state.notice_positions.insert(key.clone(), position);
    w.on_undo(move |state| {
        state.notices.remove(&position);
        state.notice_positions.remove(&key);
    });
    true
}

/// Whether it waited.
fn settle_one(w: &mut Writer<'_>, scope: &Scope, dedup_key: &str, at: DateTime<Utc>) -> bool {
    let Some(position) = w.state.notice_positions.get(&NoticeKey::new(scope, dedup_key)).copied() else {
        return false;
    };
    let Some(row) = w.state.notices.get_mut(&position).filter(|row| row.settled_at.is_none()) else {
        return false;
    };
    let before = row.clone();
    row.settled_at = Some(at);
    row.waiting.notice.body = None;
    w.on_undo(move |state| drop(state.notices.insert(position, before)));
    true
}

fn remove(w: &mut Writer<'_>, position: i64) {
    let Some(row) = w.state.notices.remove(&position) else { return };
    let key = NoticeKey::of(&row.waiting.notice);
    w.state.notice_positions.remove(&key);
    w.on_undo(move |state| {
        state.notices.insert(position, row);
        state.notice_positions.insert(key, position);
    });
}
