//! Calls that are counted, and answers that say "later".

use crm_sandbox::{Fault, FaultRule};

use crate::contender::{Said, scenarios};
use crate::hexsync::Hexsync;
use crate::naive::Naive;
use crate::salesforce::{OnSalesforce, Stage, queries};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 15: the calls of the day are nearly spent: stop, leave the others theirs, and go on tomorrow.
    hexsync_survives_the_daily_limit, naive_poller_fails_the_daily_limit = daily_limit => QuotaOverrun;
    /// 15: nor does anybody wait, asking again and again, for the calls of tomorrow.
    hexsync_survives_a_spent_day, naive_poller_fails_a_spent_day = spent_day => Endless;
    /// 16: every run is throttled after a few pages; together they have to get through.
    hexsync_survives_throttled_paging, naive_poller_fails_throttled_paging = throttled_paging => Missing;
}

/// Of 100 calls, one in five belongs to the customer's other tools.
const CALLS: u64 = 100;
const LINE: u64 = 80;

async fn daily_limit<C: OnSalesforce>() -> Verdict {
    let used = 70;
    let mut contender = C::enter(Stage { opportunities: 3_000, ..Stage::default() }).await;
    contender.crm().set_api_limit(used, CALLS);
    let said = contender.sync().await;
    let counts = contender.crm().request_counts();
    let calls = |kind: &str| counts.get(kind).copied().unwrap_or(0);
    let spent = used + calls("query") + calls("query_more") + calls("describe") + calls("limits");
    let over = (spent > LINE).then_some(Finding::QuotaOverrun { used: spent, line: LINE });
    let unsaid = (said == Said::Well && contender.rows().await.len() < 2_000)
        .then(|| Finding::Silent("the run stopped in the middle and says that all is well".to_owned()));

    tomorrow(&mut contender).await;
    contender.crm().reset_request_counts();
    contender.sync().await;
    // 15 pages in all, of which some were read yesterday.
    let (requests, enough) = (queries(contender.crm()), 13);
    let repeated = (requests > enough).then_some(Finding::Repeated { requests, enough });
    contender.verdict().await.and(over).and(unsaid).and(repeated)
}

async fn spent_day<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.crm().set_api_limit(CALLS, CALLS);
    contender.sync().await;
    let requests = contender.crm().request_counts().values().sum();
    let endless = (requests > 20).then_some(Finding::Endless { requests });
    tomorrow(&mut contender).await;
    contender.sync().await;
    contender.verdict().await.and(endless)
}

/// The next day, which a process of its own begins.
async fn tomorrow<C: OnSalesforce>(contender: &mut C) {
    contender.later(24 * 3_600);
    contender.crm().set_api_limit(0, CALLS);
    contender.restart().await;
}

async fn throttled_paging<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { opportunities: 2_000, ..Stage::default() }).await;
    for _ in 0..8 {
        contender.later(300);
        let throttle = FaultRule::new(Fault::TooManyRequests { retry_after_s: None });
        contender.crm().set_faults(vec![throttle.on("query").on("query_more").skip(4)]);
        contender.run().await;
    }
    // Ten pages, and eight runs with four each.
    contender.verdict().await
}
