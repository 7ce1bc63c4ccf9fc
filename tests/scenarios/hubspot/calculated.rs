//! Properties that HubSpot works out.

use serde_json::json;

use super::hexsync::Hexsync;
use super::naive::Naive;
use super::{OnHubspot, Stage, bulk_edit, live};
use crate::contender::scenarios;
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 10: calculated properties change with a stage's settings or another record, without a modified date.
    hexsync_survives_calculated_properties, naive_poller_fails_calculated_properties = calculated => Stale;
}

async fn calculated<C: OnHubspot>() -> Verdict {
    let mut contender = C::enter(Stage::deals(200)).await;
    contender.sync().await;
    contender.later(60);
    let stage = contender.crm().rows("deals", false)[0]["properties"]["dealstage"].clone();
    assert!(contender.crm().set_stage_probability(stage.as_str().unwrap(), "0.77"));
    let companies = live(contender.crm(), "companies");
    bulk_edit(contender.crm(), "companies", &companies, &json!({"tier": "gold"}));
    contender.later(60);
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}
