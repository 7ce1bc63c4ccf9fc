//! A feed that falls silent: nothing fails, and nothing comes any more.

use chrono::{DateTime, Utc};
use crm_sandbox::{Fault, FaultRule};
use serde_json::json;

use super::{Listening, Listens, NOWHERE, NaiveHandler, edit, enter, hear};
use crate::contender::{Said, scenarios};
use crate::hubspot::live;
use crate::verdict::{Finding, Verdict};

scenarios! { Listening vs NaiveHandler;
    /// 20: calls stop coming, as from a stream whose place was forgotten: asking closes the gap, and until then nobody
    /// is told that the rows are right.
    hexsync_survives_a_feed_that_falls_silent, naive_handler_fails_a_feed_that_falls_silent
        = silent_feed => Silent;
}

async fn silent_feed<C: Listens>() -> Verdict {
    let mut contender = enter::<C>().await;
    let ids = live(contender.crm(), "contacts");
    edit(&contender, ids[2], json!({"jobtitle": "clerk"}));
    hear(&mut contender).await;
    contender.sync().await;
    contender.later(60);
    // Upstream somebody changes where calls go; and for a day the CRM can't be asked either.
    contender.crm().set_webhook_target(NOWHERE).unwrap();
    contender.crm().set_faults(vec![FaultRule::new(Fault::Unavailable { retry_after_s: None })]);
    let changed_at = contender.crm().clock().now();
    edit(&contender, ids[3], json!({"jobtitle": "director"}));
    contender.crm().archive("contacts", ids[4]).unwrap();
    let mut verdict = Verdict::default();
    for _ in 0..4 {
        contender.later(6 * 3_600);
        contender.run().await;
        verdict = verdict.and(deceived(&contender, changed_at).await);
    }
    contender.crm().set_faults(Vec::new());
    let said = contender.sync().await;
    let is_told = contender.right_as_of().await.is_some_and(|at| at > changed_at);
    let untold = || Finding::Silent(format!("{said:?}, and not that the rows are right again"));
    let untold = (said != Said::Well || !is_told).then(untold);
    verdict.and(untold).then(contender.verdict().await)
}

/// It says that its rows are right as of later than a change that they lack.
async fn deceived<C: Listens>(contender: &C, changed_at: DateTime<Utc>) -> Option<Finding> {
    let told = contender.right_as_of().await.filter(|at| *at > changed_at)?;
    let is_right = contender.verdict().await == Verdict::default();
    (!is_right)
        .then(|| Finding::Silent(format!("right as of {told}, it says, without a change of {changed_at}")))
}
