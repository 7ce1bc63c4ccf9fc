//! Opportunities: the object that comes by the million, so values are set by position and written once.

use chrono::DateTime;

use super::people::day_after;
use super::{Maker, Sizes, positions};
use crate::salesforce::model::{CREATED_DATE, ObjectDef, RecordId, Row, Value};
use crate::salesforce::schema::PROBABILITY_OF_STAGE;
use crate::words::{COMPANY, DEAL, NEXT_STEP, PRODUCT, REGION};

/// Stages of a generated org, open ones first. How often each comes, in percent.
const STAGES: &[(&str, u8)] = &[
    ("Prospecting", 12),
    ("Qualification", 10),
    ("Needs Analysis", 8),
    ("Value Proposition", 7),
    ("Proposal/Price Quote", 8),
    ("Negotiation/Review", 5),
    ("Closed Won", 28),
    ("Closed Lost", 22),
];

pub(super) fn opportunities(def: &ObjectDef, mut make: Maker, sizes: Sizes) -> Vec<(RecordId, Row)> {
    let at = Positions::new(def);
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            fill(&mut make, &mut row, &at, sizes);
            row.values.shrink_to_fit();
            (id, row)
        })
        .collect()
}

struct Positions {
    links: [usize; 2],
    deal: [usize; 6],
    story: [usize; 3],
    custom: [usize; 5],
}

impl Positions {
    fn new(def: &ObjectDef) -> Self {
        Self {
            links: positions(def, ["AccountId", "OwnerId"]),
            deal: positions(def, ["Name", "StageName", "Probability", "Amount", "CloseDate", "Type"]),
            story: positions(def, ["NextStep", "LeadSource", "Description"]),
            custom: positions(def, ["Region__c", "Score__c", "Renewal_Date__c", "Priority__c", "Product__c"]),
        }
    }
}

fn fill(make: &mut Maker, row: &mut Row, at: &Positions, sizes: Sizes) {
    let [account, owner] = at.links;
    if sizes.accounts > 0 && !make.chance(10) {
        row.set(account, Value::Id(RecordId::new("001", 1 + make.rng.u64(..sizes.accounts as u64))));
    }
    row.set(owner, Value::Id(RecordId::new("005", 1 + make.rng.u64(..sizes.users as u64))));

    let [name, stage, probability, amount, close_date, kind] = at.deal;
    let mut title = String::with_capacity(40);
    title.push_str(make.pick(COMPANY));
    title.push_str(" – ");
    title.push_str(make.pick(DEAL));
    row.set(name, Value::text(title));
    let stage_name = pick_stage(make);
    row.set(stage, Value::text(stage_name));
    let percent = PROBABILITY_OF_STAGE.iter().find(|(one, _)| *one == stage_name).map_or(0.0, |(_, p)| *p);
    row.set(probability, Value::Double(percent));
    if !make.chance(8) {
        // Most deals are small, a few are large.
        let magnitude = make.rng.u32(3..8);
        let cents = make.rng.u64(10_u64.pow(magnitude)..10_u64.pow(magnitude + 1));
        row.set(amount, Value::Decimal(cents_text(cents)));
    }
    let created = row.stored(CREATED_DATE).as_millis().and_then(DateTime::from_timestamp_millis);
    let created = created.map(|at| at.date_naive());
    row.set(close_date, Value::Date(day_after(created, make.rng.i64(14..240))));
    row.set(kind, make.maybe(&["Existing Business", "New Business"], 20));

    let [next_step, lead_source, description] = at.story;
    row.set(next_step, make.maybe(NEXT_STEP, 60));
    row.set(
        lead_source,
        make.maybe(&["Web", "Phone Inquiry", "Partner Referral", "Trade Show", "Other"], 30),
    );
    if make.chance(3) {
        row.set(description, Value::text("First line\nsecond line\twith a tab, \"quotes\" and an emoji 🚀"));
    }

    let [region, score, renewal, priority, product] = at.custom;
    row.set(region, make.maybe(REGION, 20));
    if !make.chance(30) {
        row.set(score, Value::Double(f64::from(make.rng.u32(..1_000_000)) / 10_000.0));
    }
    if make.chance(50) {
        row.set(renewal, Value::Date(day_after(created, make.rng.i64(300..800))));
    }
    row.set(priority, make.maybe(&["Low", "Medium", "High"], 10));
    row.set(product, make.maybe(PRODUCT, 15));
}

fn pick_stage(make: &mut Maker) -> &'static str {
    let mut left = make.rng.u8(..100);
    for (stage, percent) in STAGES {
        if left < *percent {
            return stage;
        }
        left -= percent;
    }
    "Prospecting"
}

/// Cents as the provider prints a double: `12500.0`, `0.35`. Below ten million, so without an exponent.
fn cents_text(cents: u64) -> Box<str> {
    let (whole, part) = (cents / 100, cents % 100);
    if part % 10 == 0 { format!("{whole}.{}", part / 10).into() } else { format!("{whole}.{part:02}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salesforce::model::decimal_text;

    #[test]
    fn cents_print_as_doubles_do() {
        for cents in [0_u32, 5, 10, 35, 100, 1_250_000, 999_999_999] {
            assert_eq!(*cents_text(u64::from(cents)), *decimal_text(f64::from(cents) / 100.0, 2));
        }
    }

    #[test]
    fn stage_shares_add_up() {
        assert_eq!(STAGES.iter().map(|(_, percent)| u32::from(*percent)).sum::<u32>(), 100);
    }
}
