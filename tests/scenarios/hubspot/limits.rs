//! Answers that say "later".

use crm_sandbox::{Fault, FaultRule};
use serde_json::json;

use super::hexsync::Hexsync;
use super::naive::Naive;
use super::{OnHubspot, Stage, bulk_edit, live};
use crate::contender::scenarios;
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 16: an edit of a pipeline touches all deals at once, and every run is throttled after a few pages.
    hexsync_survives_a_pipeline_edit, naive_poller_fails_a_pipeline_edit = pipeline_edit => Stale;
}

async fn pipeline_edit<C: OnHubspot>() -> Verdict {
    let mut contender = C::enter(Stage::deals(1_500)).await;
    contender.sync().await;
    contender.later(3_600);
    let all = live(contender.crm(), "deals");
    bulk_edit(contender.crm(), "deals", &all, &json!({"hs_next_step": "moved to another pipeline"}));
    for _ in 0..8 {
        contender.later(300);
        let throttle = FaultRule::new(Fault::TooManyRequests { retry_after_s: None });
        contender.crm().set_faults(vec![throttle.on("search").skip(2)]);
        contender.run().await;
        // Each run is a process of its own, as with a scheduler that starts them.
        contender.restart().await;
    }
    contender.crm().set_faults(Vec::new());
    contender.verdict().await
}
