//! Tokens: renewed by several at once, and grants that die without a word.

use crm_sandbox::{Fault, FaultRule};
use serde_json::json;

use crate::contender::{Said, scenarios};
use crate::hexsync::Hexsync;
use crate::naive::{Habits, Naive};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 18: a renewal that fails, or that another process makes at the same moment, leaves nobody stuck.
    hexsync_survives_a_race_for_the_token, naive_poller_fails_a_race_for_the_token = token_race => Stuck;
    /// 19: a further grant of the same user ends the oldest one: say so, and don't hammer on.
    hexsync_survives_a_grant_too_many, naive_poller_fails_a_grant_too_many = grant_too_many => Silent;
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
    // Two processes find the session ended at the same moment, and each refresh token is good for one use.
    for _ in 0..3 {
        contender.crm().expire_sessions();
        contender.later(300);
        contender.run_twice_at_once().await;
        contender.later(300);
        verdict = verdict.and(stuck(contender.sync().await));
    }
    verdict.then(contender.verdict().await)
}

fn stuck(said: Said) -> Option<Finding> {
    match said {
        Said::Well => None,
        Said::Failed(why) | Said::Paused(why) => Some(Finding::Stuck(why)),
    }
}

async fn grant_too_many<C: OnSalesforce>() -> Verdict {
    let habits = Habits { shrugs: true, ..Habits::default() };
    let mut contender = C::enter(Stage { habits, ..Stage::default() }).await;
    contender.sync().await;
    bulk_edit(contender.crm(), &deals(contender.crm())[..30], &json!({"NextStep": "unseen"}));
    let grants: Vec<String> = (0..5).map(|_| contender.crm().grant_refresh_token()).collect();
    contender.crm().reset_request_counts();
    let mut verdict = Verdict::default();
    for _ in 0..4 {
        contender.later(300);
        verdict = match contender.sync().await {
            Said::Failed(why) if why.contains("invalid_grant") && why.contains("connect") => verdict,
            said => verdict.and(Finding::Silent(format!("{said:?} about a grant that is dead"))),
        };
    }
    let requests = contender.crm().request_counts().get("token").copied().unwrap_or(0);
    let hammering = (requests > 2).then_some(Finding::Endless { requests });
    contender.reconnect(grants[4].clone()).await;
    contender.sync().await;
    verdict.and(hammering).then(contender.verdict().await)
}
