//! Processes that die, and releases that take over from one another.

use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::Naive;
use crate::salesforce::{OldBookmark, OnSalesforce, Stage, bulk_edit, deals, die_while_running, queries};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 17: a process that dies near the end of a long run has not worked for nothing.
    hexsync_survives_death_in_a_run, naive_poller_fails_death_in_a_run = death_in_a_run => Repeated;
    /// 23: a new release goes on where the old one stopped.
    hexsync_survives_an_upgrade, naive_poller_fails_an_upgrade = upgrade => Repeated;
}

async fn death_in_a_run<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { opportunities: 3_000, ..Stage::default() }).await;
    contender.later(10);
    die_while_running(&mut contender, 12).await;
    let left = deals(contender.crm()).len() - contender.rows().await.len();
    contender.crm().reset_request_counts();
    contender.sync().await;
    // What was not written yet, and the overlap behind the place where the dead process stopped.
    let (requests, enough) = (queries(contender.crm()), left.div_ceil(200) as u64 + 2);
    let all = requests >= 15;
    let repeated = (all || requests > enough).then_some(Finding::Repeated { requests, enough });
    contender.verdict().await.and(repeated)
}

async fn upgrade<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { opportunities: 2_000, ..Stage::default() }).await;
    contender.sync().await;
    let last = deals(contender.crm()).last().copied().unwrap();
    let row = contender.crm().row(last).unwrap();
    // The record that an earlier release read last need not be the youngest by now.
    contender.inherit(OldBookmark { stamp: row["SystemModstamp"].as_str().unwrap(), id: last }).await;
    contender.later(60);
    bulk_edit(contender.crm(), &[last], &json!({"NextStep": "under the new release"}));
    contender.crm().reset_request_counts();
    contender.sync().await;
    let (requests, enough) = (queries(contender.crm()), 4);
    let repeated = (requests > enough).then_some(Finding::Repeated { requests, enough });
    contender.verdict().await.and(repeated)
}
