//! Modification dates: shared by more records than a search gives, and found late.

use std::time::Duration;

use serde_json::json;

use super::hexsync::Hexsync;
use super::naive::Naive;
use super::{Habits, Object, OnHubspot, Stage, asked, bulk_edit, late_edit, live, properties};
use crate::contender::{Contender, scenarios};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 2: a month-end update stamps more contacts alike than a search gives.
    hexsync_survives_a_month_end_update, naive_poller_fails_a_month_end_update = month_end => Endless;
    /// 3: search finds an edit some seconds after younger ones.
    hexsync_survives_an_index_that_lags, naive_poller_fails_an_index_that_lags = index_lag => Stale;
}

async fn month_end<C: OnHubspot>() -> Verdict {
    // A search that gives a tenth of what HubSpot's gives, and as many more records.
    const CAP: usize = 1_000;
    let mut stage = Stage::contacts(1_300);
    stage.settings.search_cap = CAP;
    stage.habits = Habits { cap: Some(CAP), ..Habits::default() };
    let mut contender = C::enter(stage).await;
    contender.sync().await;
    contender.later(60);
    let all = live(contender.crm(), "contacts");
    bulk_edit(contender.crm(), "contacts", &all, &json!({"jobtitle": "as of this month"}));
    contender.later(60);
    contender.crm().reset_request_counts();
    // Whoever asks without end is stopped.
    let ended = tokio::time::timeout(Duration::from_secs(20), contender.sync()).await.is_ok();
    let requests = asked(contender.crm());
    if !ended {
        return Verdict::default().and(Finding::Endless { requests });
    }
    let endless = (requests > 30).then_some(Finding::Endless { requests });
    // And nobody comes back to the same stamp for ever.
    contender.later(3_600);
    contender.crm().reset_request_counts();
    contender.sync().await;
    let again = asked(contender.crm());
    let repeated = (again > 30).then_some(Finding::Repeated { requests: again, enough: 30 });
    contender.verdict().await.and(endless).and(repeated)
}

async fn index_lag<C: OnHubspot>() -> Verdict {
    let mut contender = C::enter(Stage::contacts(300)).await;
    contender.sync().await;
    contender.later(60);
    let all = live(contender.crm(), "contacts");
    late_edit(contender.crm(), "contacts", &all[..20], &json!({"jobtitle": "late by three seconds"}), 3_000);
    late_edit(contender.crm(), "contacts", &all[20..40], &json!({"jobtitle": "late by minutes"}), 150_000);
    contender.later(1);
    bulk_edit(contender.crm(), "contacts", &all[40..60], &json!({"jobtitle": "in time"}));
    contender.later(1);
    contender.run().await;
    for _ in 0..3 {
        contender.later(50);
        bulk_edit(contender.crm(), "contacts", &all[60..61], &json!({"jobtitle": "busy"}));
        contender.sync().await;
    }
    contender.later(60);
    contender.sync().await;
    contender.verdict().await
}

/// The naive poller is no straw man: it does well as long as nothing happens.
#[tokio::test]
async fn naive_poller_survives_quiet_days() {
    for (habits, objects) in [
        (Habits::default(), [Object::Contacts, Object::Deals, Object::Employments].as_slice()),
        (Habits { one_stamp_for_all: true, ..Habits::default() }, [Object::Deals].as_slice()),
    ] {
        let account =
            crm_sandbox::hubspot::generate::AccountSpec { deals: 100, ..Stage::contacts(150).account };
        let mut contender = Naive::enter(Stage { account, habits, objects, ..Stage::contacts(0) }).await;
        contender.sync().await;
        for id in live(contender.crm(), "deals").into_iter().step_by(9) {
            contender.later(20);
            contender.crm().update("deals", id, &properties(json!({"hs_next_step": "call"}))).unwrap();
        }
        contender.later(20);
        let person = properties(json!({"email": "new@mail.example", "lastname": "Roe"}));
        contender.crm().insert("contacts", &person).unwrap();
        contender.sync().await;
        archived_are_no_news(&contender).await;
    }
}

/// Made-up accounts have a few archived records from the start.
async fn archived_are_no_news(contender: &Naive) {
    contender.verdict().await.is_clean();
}
