//! Owners, companies, contacts.

use super::{Maker, set, text};
use crate::hubspot::model::{ObjectDef, Owner, Row, Team, Value, time};
use crate::words::{BUSINESS, CITY, COMPANY, FIRST, LAST, TITLE};

pub(super) fn owners(rng: &mut fastrand::Rng, count: usize, made_at: i64) -> Vec<Owner> {
    (0..count)
        .map(|n| {
            let number = n as u64;
            let east = n.is_multiple_of(2);
            Owner {
                id: 41 + number * 3,
                user_id: 77 + number,
                email: format!("owner{n}@example.com"),
                first_name: if n == 0 { "Integration" } else { FIRST[rng.usize(..FIRST.len())] }.to_owned(),
                last_name: if n == 0 { "User" } else { LAST[rng.usize(..LAST.len())] }.to_owned(),
                teams: vec![Team {
                    id: if east { 1 } else { 2 },
                    name: if east { "East" } else { "West" }.to_owned(),
                    primary: true,
                }],
                created_at: made_at,
                updated_at: made_at + i64::from(rng.u32(..1_000_000)),
                archived: n % 10 == 9,
            }
        })
        .collect()
}

pub(super) fn company(make: &mut Maker, def: &ObjectDef, n: usize, row: &mut Row) {
    let name = format!("{} {} {}", make.pick(COMPANY), make.pick(BUSINESS), n + 1);
    set(def, row, "name", text(name));
    set(def, row, "domain", text(format!("company{n}.example")));
    set(def, row, "website", text(format!("https://www.company{n}.example")));
    set(def, row, "phone", phone(make, 20));
    // Options change over the years; old values stay in old rows.
    let industry = if make.chance(2) { text("TELEGRAPHY") } else { make.maybe(INDUSTRIES, 10) };
    set(def, row, "industry", industry);
    set(def, row, "type", make.maybe(&["PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER"], 25));
    if !make.chance(25) {
        let revenue = u64::from(make.rng.u32(1..4_000)) * 100_000;
        // Large numbers come with an exponent now and then.
        let odd = make.chance(5);
        set(def, row, "annualrevenue", text(if odd { exponent(revenue) } else { revenue.to_string() }));
        set(def, row, "numberofemployees", text(make.rng.u32(1..50_000).to_string()));
    }
    set(def, row, "founded_year", text(make.rng.u32(1900..2025).to_string()));
    set(def, row, "lifecyclestage", make.maybe(&["lead", "opportunity", "customer", "other"], 5));
    set(def, row, "hubspot_owner_id", make.owner(10));
    set(def, row, "tier", make.maybe(&["a", "b", "c"], 30));
    if make.chance(40) {
        let cents = make.rng.u32(10_000..50_000_000);
        set(def, row, "contract_value", text(format!("{}.{:02}", cents / 100, cents % 100)));
    }
    address(make, def, row);
}

const MORE_FIRST: &[&str] = &["محمد", "नेहा", "지훈", "Νίκος", "ກ້ອງ", "שירה"];
const MORE_LAST: &[&str] = &["佐藤", "Иванова", "Παπαδόπουλος", "الحسن", "कुमार", "O\u{301}Brien"];
const INDUSTRIES: &[&str] = &["BANKING", "ENERGY", "RETAIL", "COMPUTER_SOFTWARE", "OTHER"];

pub(super) fn contact(make: &mut Maker, def: &ObjectDef, n: usize, row: &mut Row) {
    // Some names in scripts that run the other way, or combine letters.
    let (first, last) = if make.chance(8) { (MORE_FIRST, MORE_LAST) } else { (FIRST, LAST) };
    set(def, row, "lastname", text(make.pick(last)));
    set(def, row, "firstname", make.maybe(first, 8));
    if !make.chance(12) {
        set(def, row, "email", text(format!("contact{n}@mail.example")));
    }
    set(def, row, "phone", phone(make, 35));
    let title = if make.chance(4) { text("") } else { make.maybe(TITLE, 20) };
    set(def, row, "jobtitle", title);
    let stages = ["subscriber", "lead", "marketingqualifiedlead", "opportunity", "customer"];
    let stage = if make.chance(2) { text("old_stage_17") } else { make.maybe(&stages, 5) };
    set(def, row, "lifecyclestage", stage);
    set(def, row, "hs_lead_status", make.maybe(&["NEW", "OPEN", "IN_PROGRESS", "CONNECTED"], 50));
    set(def, row, "hubspot_owner_id", make.owner(15));
    set(def, row, "hs_email_optout", make.maybe(&["true", "false", ""], 40));
    set(def, row, "newsletter", make.maybe(&["true", "false"], 50));
    set(def, row, "customer_segment", make.maybe(&["smb", "mid;public", "ent", "smb;mid"], 60));
    if make.chance(50) {
        set(def, row, "nps_score", text(make.rng.u8(..=10).to_string()));
    }
    if make.chance(30) {
        let day = make.rng.i64(row.created_at..make.now.max(row.created_at + 1));
        set(def, row, "consent_date", text(time::date_text(day)));
    }
    if make.chance(3) {
        set(def, row, "address", text("c/o \"Müller\"\nHinterhof, 2. Stock\n\tRoom 7"));
    }
    address(make, def, row);
}

pub(super) fn phone(make: &mut Maker, unset_percent: u8) -> Value {
    if make.chance(unset_percent) { None } else { text(format!("+49 30 {:07}", make.rng.u32(..10_000_000))) }
}

/// `1.39E8`, as some old numbers are stored.
pub(super) fn exponent(number: u64) -> String {
    let digits = number.to_string();
    let (first, rest) = digits.split_at(1);
    let rest = rest.trim_end_matches('0');
    format!("{first}.{}E{}", if rest.is_empty() { "0" } else { rest }, digits.len() - 1)
}

fn address(make: &mut Maker, def: &ObjectDef, row: &mut Row) {
    if make.chance(30) {
        return;
    }
    let place = CITY[make.rng.usize(..CITY.len())];
    set(def, row, "city", text(place.0));
    set(def, row, "state", text(place.1));
    set(def, row, "country", text(place.2));
    set(def, row, "zip", text(format!("{:05}", make.rng.u32(..100_000))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_mean_the_same_number() {
        for number in [1_u64, 10, 139_000_000, 4_000_000_001] {
            let read: f64 = exponent(number).parse().unwrap();
            assert_eq!(format!("{read}"), number.to_string());
        }
    }
}
