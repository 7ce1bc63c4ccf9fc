//! Deals, tickets and projects.

use super::people::exponent;
use super::{Maker, set, text};
use crate::hubspot::model::{
    ObjectDef, Row,
    time::{DAY_MS, date_text, iso},
};
use crate::words::{COMPANY, DEAL, NEXT_STEP, PRODUCT};

const STAGES: &[&str] = &[
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedwon",
    "closedlost",
];

pub(super) fn deal(make: &mut Maker, def: &ObjectDef, n: usize, row: &mut Row) {
    let mut title = String::with_capacity(40);
    title.push_str(make.pick(COMPANY));
    title.push_str(" – ");
    title.push_str(make.pick(DEAL));
    set(def, row, "dealname", text(title));
    if make.chance(20) {
        set(def, row, "pipeline", text("4711001"));
        set(def, row, "dealstage", text(make.pick(&["1052001", "1052002", "1052003", "1052004"])));
    } else {
        set(def, row, "pipeline", text("default"));
        set(def, row, "dealstage", text(make.pick(STAGES)));
    }
    set(def, row, "amount", amount(make));
    let close = row.created_at + make.rng.i64(14..240) * DAY_MS;
    // Dates are midnights for some writers and instants for others; rarely nothing, not even null.
    let close = if make.chance(60) { close - close.rem_euclid(DAY_MS) } else { close };
    let close = if make.chance(3) { text("") } else { text(iso(close)) };
    set(def, row, "closedate", close);
    set(def, row, "dealtype", make.maybe(&["newbusiness", "existingbusiness"], 20));
    set(def, row, "hs_next_step", make.maybe(NEXT_STEP, 60));
    set(def, row, "hs_analytics_source", make.maybe(&["ORGANIC_SEARCH", "REFERRALS", "OFFLINE"], 30));
    set(def, row, "hs_priority", make.maybe(&["low", "medium", "high"], 40));
    set(def, row, "deal_currency_code", make.maybe(&["EUR", "USD", "GBP"], 10));
    set(def, row, "hubspot_owner_id", make.owner(8));
    if make.chance(3) {
        let story = "First line\nsecond line\twith a tab, \"quotes\" and an emoji 🚀\r\nlast line";
        set(def, row, "description", text(story));
    }
    let region =
        if make.chance(1) { text("mars") } else { make.maybe(&["emea", "amer", "apac", "nordics"], 20) };
    set(def, row, "region", region);
    if !make.chance(30) {
        let score = make.rng.u32(..1_000_000);
        set(def, row, "score", text(format!("{}.{:04}", score / 10_000, score % 10_000)));
    }
    if make.chance(50) {
        set(def, row, "renewal_date", text(date_text(row.created_at + make.rng.i64(300..800) * DAY_MS)));
    }
    set(def, row, "interest_in", make.maybe(&["basic", "basic;plus", "pro", "hardware;pro"], 50));
    set(def, row, "product", make.maybe(PRODUCT, 15));
    set(def, row, "ext_key", text(format!("D-{n:07}")));
}

/// Most deals are small, a few are large; some amounts are unset, empty or have an exponent.
fn amount(make: &mut Maker) -> Option<Box<str>> {
    if make.chance(8) {
        return if make.chance(25) { text("") } else { None };
    }
    let magnitude = make.rng.u32(3..8);
    let cents = make.rng.u64(10_u64.pow(magnitude)..10_u64.pow(magnitude + 1));
    match make.rng.u8(..100) {
        0..3 => text(exponent(cents / 100 + 1)),
        3..50 => text((cents / 100).to_string()),
        _ => text(format!("{}.{:02}", cents / 100, cents % 100)),
    }
}

pub(super) fn ticket(make: &mut Maker, def: &ObjectDef, n: usize, row: &mut Row) {
    set(def, row, "subject", text(format!("{} does not work ({n})", make.pick(PRODUCT))));
    set(
        def,
        row,
        "content",
        make.maybe(&["It stopped.\nSince yesterday.", "Preis falsch", "どうすればいいですか"], 20),
    );
    set(def, row, "hs_pipeline", text("0"));
    set(def, row, "hs_pipeline_stage", text(make.pick(&["1", "2", "3", "4"])));
    set(def, row, "hs_ticket_priority", make.maybe(&["LOW", "MEDIUM", "HIGH", "URGENT"], 20));
    set(def, row, "hs_ticket_category", make.maybe(&["PRODUCT_ISSUE", "BILLING_ISSUE"], 40));
    set(def, row, "hubspot_owner_id", make.owner(20));
    set(def, row, "ext_key", text(format!("T-{n:06}")));
}

pub(super) fn project(make: &mut Maker, def: &ObjectDef, n: usize, row: &mut Row) {
    let name = format!("{} {}", make.pick(&["Rollout", "Migration", "Einführung", "Pilot", "導入"]), n + 1);
    set(def, row, "name", text(name));
    set(def, row, "status", make.maybe(&["planned", "running", "done", "stopped"], 5));
    if !make.chance(15) {
        set(def, row, "budget", text((u64::from(make.rng.u32(10..9_000)) * 250).to_string()));
    }
    if !make.chance(15) {
        let day = row.created_at + make.rng.i64(0..200) * DAY_MS;
        set(def, row, "start_date", text(date_text(day)));
    }
    set(def, row, "code", text(format!("P-{n:05}")));
    set(def, row, "hubspot_owner_id", make.owner(20));
}
