//! Records that go: to the bin, for good, into another record; and listings that only seem to say so.

use crm_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::{Habits, Naive};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals};
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 6: records that go to the bin are told of by no ordinary query, and some come back.
    hexsync_survives_binned_records, naive_poller_fails_binned_records = binned_records => Ghosts;
    /// 7: records that are removed for good leave no trace in any feed.
    hexsync_survives_hard_deletes, naive_poller_fails_hard_deletes = hard_deletes => Ghosts;
    /// 8: a listing that broke off says nothing about what it did not list.
    hexsync_survives_a_broken_listing, naive_poller_fails_a_broken_listing = broken_listing => Missing;
    /// 24: the loser of a merge lives on nowhere, and its children belong to the winner.
    hexsync_survives_a_merge, naive_poller_fails_a_merge = merged_accounts => Ghosts;
}

async fn binned_records<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    let all = deals(contender.crm());
    for gone in &all[..40] {
        contender.crm().delete(*gone).unwrap();
    }
    contender.sync().await;
    for back in &all[..10] {
        contender.crm().undelete(*back).unwrap();
    }
    contender.sync().await;
    contender.verdict().await
}

async fn hard_deletes<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    for gone in deals(contender.crm()).iter().step_by(60) {
        contender.crm().purge(*gone).unwrap();
    }
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}

async fn broken_listing<C: OnSalesforce>() -> Verdict {
    let habits = Habits { reloads: true, ..Habits::default() };
    let mut contender = C::enter(Stage { habits, ..Stage::default() }).await;
    contender.sync().await;
    let mut verdict = Verdict::default();
    for fault in [Fault::Unavailable { retry_after_s: None }, Fault::Truncate { bytes: 500 }] {
        contender.crm().set_faults(vec![FaultRule::new(fault).on("query_more").skip(1)]);
        contender.tend().await;
        contender.crm().set_faults(Vec::new());
        // What users see until the next night.
        verdict = verdict.then(contender.verdict().await);
    }
    contender.later(300);
    contender.tend().await;
    verdict.then(contender.verdict().await)
}

async fn merged_accounts<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { accounts: true, ..Stage::default() }).await;
    contender.sync().await;
    let accounts = e2e::edit::live::<entity_account::Account>(contender.crm());
    contender.crm().merge(accounts[0], &accounts[1..3]).unwrap();
    bulk_edit(contender.crm(), &deals(contender.crm())[..5], &json!({"NextStep": "after the merge"}));
    contender.sync().await;
    contender.verdict().await
}
