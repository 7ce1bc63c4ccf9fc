//! The account is quick enough to feed benchmarks on the same machine. Only a release build says anything about that.

use std::time::{Duration, Instant};

use crm_sandbox::hubspot::generate::AccountSpec;

use crate::support::{Json, V3, World, json};

const SPEC: AccountSpec =
    AccountSpec { owners: 20, companies: 5_000, contacts: 10_000, deals: 100_000, tickets: 0, projects: 0 };
/// What making 100,000 deals with their surroundings may take.
const GENERATION_BUDGET: Duration = Duration::from_secs(3);
/// What a page may take from request to answer, client included.
const LIST_BUDGET: Duration = Duration::from_millis(2);
const SEARCH_BUDGET: Duration = Duration::from_millis(2);
const PROPERTIES: &str = "dealname,amount,dealstage,pipeline,closedate,hubspot_owner_id,hs_next_step,region,score,renewal_date,product,ext_key";

fn measured() -> bool {
    if cfg!(debug_assertions) {
        eprintln!("skipped: speed is only measured in release builds");
    }
    !cfg!(debug_assertions)
}

/// The best of several rounds, per call: a busy machine makes every other one dearer.
async fn best(world: &World, calls: &[(String, Option<Json>)]) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let start = Instant::now();
        for (path, body) in calls {
            let method = if body.is_some() { reqwest::Method::POST } else { reqwest::Method::GET };
            let mut request = world.request(method, path);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.bytes().await.unwrap();
        }
        best = best.min(start.elapsed() / u32::try_from(calls.len()).unwrap());
    }
    best
}

#[tokio::test]
async fn pages_of_a_hundred_thousand_deals_are_quick() {
    if !measured() {
        return;
    }
    let start = Instant::now();
    let world = World::with(SPEC).await;
    let took = start.elapsed();
    assert!(took < GENERATION_BUDGET, "{took:?}");
    world.control().edit_settings(|settings| settings.gzip = false);
    let first = 9_999_999_501_u64;
    let lists: Vec<_> = (0..20)
        .map(|n| {
            let after = first + n * 9_000;
            (
                format!("{V3}/deals?limit=100&after={after}&associations=companies&properties={PROPERTIES}"),
                None,
            )
        })
        .collect();
    let list = best(&world, &lists).await;
    let names: Vec<&str> = PROPERTIES.split(',').collect();
    let filter = |name: &str, operator: &str, value: u64| json!({"propertyName": name, "operator": operator, "value": value.to_string()});
    // A window over everything, as a first delta makes it, page by page.
    let searches: Vec<_> = (0..20)
        .map(|page| {
            let body = json!({
                "filterGroups": [{"filters": [
                    filter("hs_lastmodifieddate", "GTE", 1_600_000_000_000),
                    filter("hs_lastmodifieddate", "LT", 1_767_600_000_000),
                    filter("hs_object_id", "GT", first + 1_000)]}],
                "sorts": ["hs_object_id"], "properties": names, "limit": 200, "after": (page * 200).to_string()});
            (format!("{V3}/deals/search"), Some(body))
        })
        .collect();
    let search = best(&world, &searches).await;
    eprintln!("generated in {took:?}; {list:?} per list page of 100, {search:?} per search page of 200");
    assert!(list < LIST_BUDGET, "{list:?}");
    assert!(search < SEARCH_BUDGET, "{search:?}");
}
