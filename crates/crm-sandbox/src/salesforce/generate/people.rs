//! Users, accounts and contacts.

use chrono::NaiveDate;

use super::{Maker, Sizes, positions};
use crate::salesforce::model::{ObjectDef, RecordId, Row, Value, decimal_text};
use crate::words::{BUSINESS, CITY, COMPANY, FIRST, LAST, TITLE};

/// Every this many accounts stands at the top of its family.
const ROOT_EVERY: u64 = 4;

pub(super) fn users(def: &ObjectDef, mut make: Maker) -> Vec<(RecordId, Row)> {
    let [username, last, first, email, alias, active, title, zone] = positions(
        def,
        ["Username", "LastName", "FirstName", "Email", "Alias", "IsActive", "Title", "TimeZoneSidKey"],
    );
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            let api_user = n == 0;
            let login =
                if api_user { "integration@example.com".to_owned() } else { format!("user{n}@example.com") };
            row.set(username, Value::text(login.clone()));
            row.set(email, Value::text(login));
            row.set(alias, Value::text(format!("u{n}")));
            row.set(active, Value::Bool(api_user || !make.chance(10)));
            row.set(last, Value::text(if api_user { "User" } else { make.pick(LAST) }));
            row.set(first, Value::text(if api_user { "Integration" } else { make.pick(FIRST) }));
            row.set(title, make.maybe(TITLE, 50));
            row.set(zone, Value::text("Europe/Berlin"));
            (id, row)
        })
        .collect()
}

pub(super) fn accounts(def: &ObjectDef, mut make: Maker) -> Vec<(RecordId, Row)> {
    let [name, kind, parent, phone, website, industry, revenue, staff, rating, owner, segments] = positions(
        def,
        [
            "Name",
            "Type",
            "ParentId",
            "Phone",
            "Website",
            "Industry",
            "AnnualRevenue",
            "NumberOfEmployees",
            "Rating",
            "OwnerId",
            "Segments__c",
        ],
    );
    let address = positions(def, ["BillingStreet", "BillingCity", "BillingState", "BillingCountry"]);
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            let company = format!("{} {} {}", make.pick(COMPANY), make.pick(BUSINESS), n + 1);
            row.set(website, Value::text(format!("https://www.company{n}.example")));
            row.set(name, Value::text(company));
            row.set(kind, make.maybe(&["Prospect", "Customer - Direct", "Customer - Channel", "Other"], 15));
            row.set(parent, parent_account(&mut make, n as u64));
            row.set(phone, phone_number(&mut make, 20));
            row.set(industry, make.maybe(&["Banking", "Energy", "Retail", "Technology", "Other"], 10));
            if !make.chance(25) {
                let millions = f64::from(make.rng.u32(1..4_000)) * 100_000.0;
                row.set(revenue, Value::Decimal(decimal_text(millions, 0).into()));
                row.set(staff, Value::Int(make.rng.i64(1..50_000)));
            }
            row.set(rating, make.maybe(&["Hot", "Warm", "Cold"], 40));
            row.set(owner, Value::Id(make.user()));
            row.set(segments, make.maybe(&["SMB", "Mid-market;Public", "Enterprise"], 60));
            set_address(&mut make, &mut row, address);
            (id, row)
        })
        .collect()
}

pub(super) fn contacts(def: &ObjectDef, mut make: Maker, sizes: Sizes) -> Vec<(RecordId, Row)> {
    let [account, last, first, email, phone, title, birthdate, owner, opted_out] = positions(
        def,
        [
            "AccountId",
            "LastName",
            "FirstName",
            "Email",
            "Phone",
            "Title",
            "Birthdate",
            "OwnerId",
            "HasOptedOutOfEmail",
        ],
    );
    let address = positions(def, ["MailingStreet", "MailingCity", "MailingState", "MailingCountry"]);
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            if sizes.accounts > 0 && !make.chance(5) {
                row.set(account, Value::Id(RecordId::new("001", 1 + make.rng.u64(..sizes.accounts as u64))));
            }
            row.set(last, Value::text(make.pick(LAST)));
            row.set(first, make.maybe(FIRST, 8));
            if !make.chance(12) {
                row.set(email, Value::text(format!("contact{n}@mail.example")));
            }
            row.set(phone, phone_number(&mut make, 35));
            row.set(title, make.maybe(TITLE, 20));
            if make.chance(15) {
                let day = i64::from(make.rng.u16(..15_000));
                row.set(birthdate, Value::Date(day_after(NaiveDate::from_ymd_opt(1960, 1, 1), day)));
            }
            row.set(owner, Value::Id(make.user()));
            row.set(opted_out, Value::Bool(make.chance(7)));
            set_address(&mut make, &mut row, address);
            (id, row)
        })
        .collect()
}

/// A root of the hierarchy, before or after this account; now and then an account nobody can see.
fn parent_account(make: &mut Maker, n: u64) -> Value {
    let count = make.count as u64;
    if n.is_multiple_of(ROOT_EVERY) || make.chance(20) {
        return Value::Null;
    }
    if make.chance(3) {
        return Value::Id(RecordId::new("001", count + 1_000_000 + n));
    }
    let roots = count.div_ceil(ROOT_EVERY);
    Value::Id(RecordId::new("001", 1 + make.rng.u64(..roots) * ROOT_EVERY))
}

fn phone_number(make: &mut Maker, null_percent: u8) -> Value {
    if make.chance(null_percent) {
        return Value::Null;
    }
    Value::text(format!("+49 30 {:07}", make.rng.u32(..10_000_000)))
}

fn set_address(make: &mut Maker, row: &mut Row, [street, city, state, country]: [usize; 4]) {
    if make.chance(30) {
        return;
    }
    let place = CITY[make.rng.usize(..CITY.len())];
    row.set(street, Value::text(format!("{} Street {}", make.pick(COMPANY), make.rng.u8(1..200))));
    row.set(city, Value::text(place.0));
    row.set(state, Value::text(place.1));
    row.set(country, Value::text(place.2));
}

/// A day so many days later; the epoch when the calendar ends.
pub(super) fn day_after(day: Option<NaiveDate>, days: i64) -> NaiveDate {
    day.and_then(|day| day.checked_add_signed(chrono::Duration::days(days))).unwrap_or_default()
}
