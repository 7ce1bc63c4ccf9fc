//! Stamps: shared by many, late to be seen, moved while somebody reads.

use std::time::Duration;

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::{Fault, FaultRule};
use e2e::edit::fields;
use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::{Bookmark, Boundary, Habits, Naive, Paging};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, by_stamp, deals, late_edit, queries, run_while};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 1: a bulk edit gives more records one stamp than fit a page.
    hexsync_survives_a_bulk_edit, naive_poller_fails_a_bulk_edit = bulk_edit_of_one_stamp => Stale;
    /// 3: an edit can be seen some seconds after its stamp, and after younger ones.
    hexsync_survives_results_that_come_late, naive_poller_fails_results_that_come_late = seconds_late => Stale;
    /// 4: records appear below a position that was passed minutes ago.
    hexsync_survives_a_passed_watermark, naive_poller_fails_a_passed_watermark = minutes_late => Stale;
    /// 4: or hours ago.
    hexsync_survives_records_hours_late, naive_poller_fails_records_hours_late = hours_late => Stale;
    /// 5: what is edited during a run is not lost, whether it was read before or not.
    hexsync_survives_edits_during_a_run, naive_poller_fails_edits_during_a_run = edits_during_a_run => Stale;
    /// 5: nor does an edit during a run push its neighbours past the reader.
    hexsync_survives_rows_that_move, naive_poller_fails_rows_that_move = rows_that_move => Missing;
    /// 22: what is kept to tell records of one stamp apart does not grow with their number.
    hexsync_survives_a_crowded_stamp, naive_poller_fails_a_crowded_stamp = crowded_stamp => StateGrows;
}

async fn bulk_edit_of_one_stamp<C: OnSalesforce>() -> Verdict {
    let habits = Habits { paging: Paging::Stamp, ..Habits::default() };
    let mut contender = C::enter(Stage { habits, ..Stage::default() }).await;
    contender.sync().await;
    let all = deals(contender.crm());
    assert!(all.len() > 400, "more than two pages");
    bulk_edit(contender.crm(), &all, &json!({"NextStep": "bulk"}));
    // The run ends in the middle of the stamp, and the next one goes on from there.
    let down = FaultRule::new(Fault::Unavailable { retry_after_s: None });
    contender.crm().set_faults(vec![down.on("query_more").skip(1)]);
    contender.sync().await;
    contender.crm().set_faults(Vec::new());
    contender.sync().await;
    contender.verdict().await
}

async fn seconds_late<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    let all = deals(contender.crm());
    contender.later(60);
    late_edit(contender.crm(), &all[..20], &json!({"NextStep": "late by three seconds"}), 3);
    contender.later(1);
    bulk_edit(contender.crm(), &all[20..40], &json!({"NextStep": "in time"}));
    // The scheduler happens to run now, when the older edits can't be seen yet and the younger ones can.
    contender.later(1);
    contender.run().await;
    contender.sync().await;
    contender.verdict().await
}

/// A clock's every minute brings an edit and a run, so that positions pass whatever is late.
async fn minutes<C: OnSalesforce>(contender: &mut C, minutes: u32) {
    let busy = deals(contender.crm()).last().copied().unwrap();
    for minute in 0..minutes {
        contender.later(50);
        bulk_edit(contender.crm(), &[busy], &json!({"NextStep": format!("minute {minute}")}));
        contender.sync().await;
    }
}

async fn minutes_late<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    let all = deals(contender.crm());
    late_edit(contender.crm(), &all[..30], &json!({"NextStep": "late by five minutes"}), 300);
    minutes(&mut contender, 8).await;
    contender.verdict().await
}

async fn hours_late<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    let all = deals(contender.crm());
    late_edit(contender.crm(), &all[..30], &json!({"NextStep": "late by two hours"}), 7_200);
    minutes(&mut contender, 20).await;
    contender.later(7_200);
    contender.sync().await;
    // Later than any overlap reaches; whatever is done at night has to find it.
    contender.tend().await;
    contender.verdict().await
}

async fn edits_during_a_run<C: OnSalesforce>() -> Verdict {
    let habits = Habits { bookmark: Bookmark::RunEnd, ..Habits::default() };
    let mut contender = C::enter(Stage { opportunities: 1_000, habits, ..Stage::default() }).await;
    contender.later(3_600);
    let minutes = |crm: &SalesforceControl, n: u64| crm.advance(Duration::from_secs(60 * n));
    run_while(&mut contender, 2, |crm| {
        let oldest_first = by_stamp(crm);
        minutes(crm, 1);
        bulk_edit(crm, &oldest_first[..100], &json!({"NextStep": "after you read it"}));
        minutes(crm, 30);
        bulk_edit(crm, &oldest_first[900..], &json!({"NextStep": "before you read it"}));
        minutes(crm, 1);
    })
    .await;
    contender.sync().await;
    contender.verdict().await
}

async fn rows_that_move<C: OnSalesforce>() -> Verdict {
    let habits = Habits { paging: Paging::Offset, ..Habits::default() };
    let mut contender = C::enter(Stage { opportunities: 1_000, habits, ..Stage::default() }).await;
    contender.later(3_600);
    run_while(&mut contender, 2, |crm| {
        // Records that are gone make those after them move up, past a reader that counts rows.
        for gone in deals(crm).iter().rev().take(50) {
            crm.delete(*gone).unwrap();
        }
    })
    .await;
    contender.sync().await;
    contender.verdict().await
}

async fn crowded_stamp<C: OnSalesforce>() -> Verdict {
    const ENOUGH: usize = 1_024;
    let habits = Habits { boundary: Boundary::Remembered, ..Habits::default() };
    let mut contender = C::enter(Stage { opportunities: 2_000, habits, page: 500, ..Stage::default() }).await;
    bulk_edit(contender.crm(), &deals(contender.crm()), &json!({"NextStep": "one import"}));
    contender.sync().await;
    contender.crm().reset_request_counts();
    contender.sync().await;
    let bytes = contender.state_bytes().await;
    let grows = (bytes > ENOUGH).then_some(Finding::StateGrows { bytes });
    // Four pages once, and not again for the sake of the boundary; the overlap behind the bookmark is read again.
    let again = queries(contender.crm());
    let repeated = (again > 6).then_some(Finding::Repeated { requests: again, enough: 6 });
    contender.verdict().await.and(grows).and(repeated)
}

/// Days on which nothing goes wrong: single edits, new records, and nobody writes while somebody reads.
async fn quiet_days<C: OnSalesforce>(habits: Habits) -> Verdict {
    let mut contender = C::enter(Stage { opportunities: 150, habits, ..Stage::default() }).await;
    contender.sync().await;
    for day in 0..3 {
        for (n, id) in deals(contender.crm()).iter().step_by(7).enumerate() {
            contender.later(20);
            bulk_edit(contender.crm(), &[*id], &json!({"NextStep": format!("day {day}, step {n}")}));
        }
        contender.later(20);
        let deal = json!({"Name": format!("Deal of day {day}"), "StageName": "Prospecting", "CloseDate": "2026-06-30"});
        contender.crm().insert("Opportunity", &fields(deal)).unwrap();
        contender.sync().await;
        contender.later(24 * 3_600);
        contender.tend().await;
    }
    contender.verdict().await
}

/// The naive poller is no straw man: whatever its habits, it does well as long as nothing happens.
#[tokio::test]
async fn naive_poller_survives_quiet_days() {
    let usual = Habits::default();
    for habits in [
        usual,
        Habits { paging: Paging::Stamp, ..usual },
        Habits { paging: Paging::Offset, ..usual },
        Habits { bookmark: Bookmark::RunEnd, ..usual },
        Habits { boundary: Boundary::Remembered, ..usual },
        Habits { shrugs: true, reloads: true, ..usual },
    ] {
        quiet_days::<Naive>(habits).await.is_clean();
    }
}
