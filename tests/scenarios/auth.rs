//! Tokens: renewed by several at once, and grants that die without a word.

use crm_sandbox::{Fault, FaultRule};
use e2e::store::Backend;
use serde_json::json;
use sync_postgres::PgStore;

use crate::contender::{Said, scenarios};
use crate::hexsync::Hexsync;
use crate::naive::{Habits, Naive};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 18: a renewal that fails, or that another process makes at the same moment, leaves nobody stuck.
    hexsync_survives_a_race_for_the_token, naive_poller_fails_a_race_for_the_token = token_race => Stuck;
    /// 18: workers that share the connection in the database find the session ended at the same moment.
    hexsync_survives_workers_that_renew_at_once, naive_poller_fails_workers_that_renew_at_once
        = workers_renew => Stuck;
    /// 19: a further grant of the same user ends the oldest one: say so, and don't hammer on.
    hexsync_survives_a_grant_too_many, naive_poller_fails_a_grant_too_many = grant_too_many => Silent;
    /// 19: the further grants are none of ours: say that there may be such.
    hexsync_survives_a_grant_too_many_elsewhere, naive_poller_fails_a_grant_too_many_elsewhere
        = grant_too_many_elsewhere => Silent;
}

async fn token_race<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { rotating: true, ..Stage::default() }).await;
    contender.sync().await;
    // The endpoint is away for a moment, just when the session has ended.
    contender.crm().expire_sessions();
    contender.crm().set_faults(vec![FaultRule::new(Fault::Unavailable { retry_after_s: None }).on("token")]);
    contender.sync().await;
    contender.crm().set_faults(Vec::new());
    contender.later(300);
    let mut verdict = Verdict::default().and(stuck(contender.sync().await));
    // Processes find the session ended at the same moment, and each refresh token is good for one use.
    for _ in 0..3 {
        contender.crm().expire_sessions();
        contender.later(300);
        contender.run_thrice_at_once().await;
        contender.later(300);
        verdict = verdict.and(stuck(contender.sync().await));
    }
    verdict.then(contender.verdict().await)
}

async fn workers_renew<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { rotating: true, accounts: true, ..Stage::default() }).await;
    contender.sync().await;
    let mut verdict = Verdict::default();
    for _ in 0..3 {
        bulk_edit(contender.crm(), &deals(contender.crm())[..30], &json!({"NextStep": "unseen"}));
        contender.crm().expire_sessions();
        contender.later(300);
        contender.crm().reset_request_counts();
        for said in contender.run_thrice_at_once().await {
            verdict = verdict.and(stuck(said));
        }
        let requests = contender.crm().request_counts().get("token").copied().unwrap_or(0);
        verdict = verdict.and((requests > 1).then_some(Finding::Repeated { requests, enough: 1 }));
    }
    verdict = verdict.and(stuck(contender.sync().await));
    verdict.then(contender.verdict().await)
}

/// 18: also where each of the workers has its own connections to a server.
#[tokio::test]
async fn hexsync_survives_workers_that_renew_at_once_on_postgres() {
    if PgStore::home(false).await.is_some() {
        workers_renew::<Hexsync<PgStore>>().await.is_clean();
    }
}

fn stuck(said: Said) -> Option<Finding> {
    match said {
        Said::Well => None,
        Said::Failed(why) | Said::Paused(why) => Some(Finding::Stuck(why)),
    }
}

async fn grant_too_many<C: OnSalesforce>() -> Verdict {
    crowded_out::<C>(true).await
}

async fn grant_too_many_elsewhere<C: OnSalesforce>() -> Verdict {
    crowded_out::<C>(false).await
}

/// Salesforce keeps the latest five refresh tokens of a user and app. `ours` says whether the later ones are for
/// connections of this installation.
async fn crowded_out<C: OnSalesforce>(ours: bool) -> Verdict {
    let habits = Habits { shrugs: true, ..Habits::default() };
    let mut contender = C::enter(Stage { habits, ..Stage::default() }).await;
    contender.sync().await;
    bulk_edit(contender.crm(), &deals(contender.crm())[..30], &json!({"NextStep": "unseen"}));
    let mut latest = String::new();
    for n in 1..=5 {
        contender.later(60);
        latest = contender.crm().grant_refresh_token();
        if ours {
            contender.connect_elsewhere(&format!("copy-{n}"), &latest).await;
        }
    }
    let told = ["invalid_grant", "connect", "keeps only the latest 5"];
    contender.crm().reset_request_counts();
    let mut verdict = Verdict::default();
    for _ in 0..4 {
        contender.later(300);
        verdict = match contender.sync().await {
            Said::Failed(why) if told.iter().all(|words| why.contains(words)) => verdict,
            said => verdict.and(Finding::Silent(format!("{said:?} about a grant that is dead"))),
        };
    }
    let requests = contender.crm().request_counts().get("token").copied().unwrap_or(0);
    let hammering = (requests > 2).then_some(Finding::Endless { requests });
    contender.reconnect(latest).await;
    contender.sync().await;
    verdict.and(hammering).then(contender.verdict().await)
}
