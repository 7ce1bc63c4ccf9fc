//! Records that don't fit.

use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::Naive;
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 21: no run says that all is well while records are left out and nobody is told of them.
    hexsync_survives_unfit_records, naive_poller_fails_unfit_records = unfit_records => Swallowed;
}

async fn unfit_records<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    let all = deals(contender.crm());
    bulk_edit(contender.crm(), &all[..3], &json!({"Amount": {"$raw": "\"a lot\""}}));
    bulk_edit(contender.crm(), &all[3..20], &json!({"NextStep": "in the best of health"}));
    contender.sync().await;
    let told = contender.set_aside().await;
    let swallowed: Vec<String> =
        all[..3].iter().map(ToString::to_string).filter(|id| !told.contains(id)).collect();
    let swallowed = (!swallowed.is_empty()).then_some(Finding::Swallowed(swallowed));
    let verdict = contender.verdict().await.and(swallowed);
    // Corrected upstream, they come, and nobody has to be told of them any more.
    bulk_edit(contender.crm(), &all[..3], &json!({"Amount": 12.5}));
    contender.sync().await;
    let left: Vec<String> = contender.set_aside().await.into_iter().collect();
    let left = (!left.is_empty()).then(|| Finding::Stuck(format!("{left:?} are set aside for good")));
    verdict.then(contender.verdict().await).and(left)
}
