//! Contact roles, projects and cases.

use chrono::DateTime;

use super::people::day_after;
use super::{BINNED_ONE_IN, DAY_MS, Maker, Sizes, positions, whole_seconds};
use crate::salesforce::model::{CREATED_DATE, ObjectDef, RecordId, Row, Value};
use crate::salesforce::schema::{CASE_CLOSED, CASE_STATUS, PROJECT_STATUS, ROLES};
use crate::salesforce::write::auto_number;
use crate::words::{COMPANY, PROBLEM, UNDERTAKING};

/// At most so many contacts take part in one opportunity.
const ROLES_PER_DEAL: usize = 3;

/// One to three roles for two of three opportunities, the first of them primary; never the same contact twice.
/// `make` counts opportunities, so that a role is about as old as its opportunity.
pub(super) fn roles(def: &ObjectDef, mut make: Maker, sizes: Sizes, limit: usize) -> Vec<(RecordId, Row)> {
    let [opportunity, contact, role, primary] =
        positions(def, ["OpportunityId", "ContactId", "Role", "IsPrimary"]);
    let mut rows = Vec::new();
    let live = |n: usize| !(n + 1).is_multiple_of(BINNED_ONE_IN);
    for deal in (0..sizes.opportunities).filter(|n| n % 3 != 2 && live(*n)) {
        let count = make.rng.usize(1..=ROLES_PER_DEAL);
        let mut people: Vec<u64> =
            (0..count.min(sizes.contacts)).map(|_| make.rng.u64(..sizes.contacts as u64)).collect();
        people.sort_unstable();
        people.dedup();
        for (nth, person) in people.into_iter().enumerate() {
            if rows.len() == limit {
                return rows;
            }
            let (_, mut row) = make.row(def, deal);
            let id = RecordId::new(&def.key_prefix, rows.len() as u64 + 1);
            row.set(crate::salesforce::model::ID, Value::Id(id));
            row.set(opportunity, Value::Id(RecordId::new("006", deal as u64 + 1)));
            row.set(contact, Value::Id(RecordId::new("003", person + 1)));
            row.set(role, make.maybe(ROLES, 15));
            row.set(primary, Value::Bool(nth == 0));
            rows.push((id, row));
        }
    }
    rows
}

pub(super) fn projects(def: &ObjectDef, mut make: Maker, sizes: Sizes) -> Vec<(RecordId, Row)> {
    let [name, owner, status, budget, start, code, opportunity, account] = positions(
        def,
        [
            "Name",
            "OwnerId",
            "Status__c",
            "Budget__c",
            "Start_Date__c",
            "Code__c",
            "Opportunity__c",
            "Account__c",
        ],
    );
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            row.set(name, Value::text(format!("{} – {}", make.pick(COMPANY), make.pick(UNDERTAKING))));
            row.set(owner, Value::Id(make.user()));
            row.set(status, make.maybe(PROJECT_STATUS, 5));
            if !make.chance(15) {
                // In tens of cents, which a double prints without an exponent and without a doubt.
                let tenths = make.rng.u32(10_000..20_000_000);
                row.set(budget, Value::Decimal(format!("{}.{}", tenths / 10, tenths % 10).into()));
            }
            if !make.chance(10) {
                let days = make.rng.i64(7..120);
                row.set(start, Value::Date(day_after(created_day(&row), days)));
            }
            row.set(code, Value::text(format!("PRJ-{:05}", n + 1)));
            row.set(opportunity, one_of(&mut make, "006", sizes.opportunities, 20));
            row.set(account, one_of(&mut make, "001", sizes.accounts, 10));
            (id, row)
        })
        .collect()
}

pub(super) fn cases(def: &ObjectDef, mut make: Maker, sizes: Sizes) -> Vec<(RecordId, Row)> {
    let [number, subject, description, status, priority, origin, kind, reason] = positions(
        def,
        ["CaseNumber", "Subject", "Description", "Status", "Priority", "Origin", "Type", "Reason"],
    );
    let [account, contact, owner, closed, escalated] =
        positions(def, ["AccountId", "ContactId", "OwnerId", "ClosedDate", "IsEscalated"]);
    (0..make.count)
        .map(|n| {
            let (id, mut row) = make.row(def, n);
            row.set(number, auto_number(n as u64 + 1));
            row.set(subject, make.maybe(PROBLEM, 4));
            if make.chance(40) {
                row.set(
                    description,
                    Value::text("It worked yesterday.\r\nNow it says: \"code 0x1F\" – 助けて"),
                );
            }
            let now = if make.chance(60) { CASE_CLOSED } else { make.pick(&CASE_STATUS[..3]) };
            row.set(status, Value::text(now));
            row.set(escalated, Value::Bool(now == "Escalated"));
            if now == CASE_CLOSED {
                let opened = row.stored(CREATED_DATE).as_millis().unwrap_or(make.now);
                let until = (make.now - 1_000).max(opened + 1);
                let at = make.rng.i64(opened..until.min(opened + 30 * DAY_MS));
                row.set(closed, Value::DateTime(whole_seconds(at)));
            }
            row.set(priority, make.maybe(&["High", "Medium", "Low"], 3));
            row.set(origin, make.maybe(&["Phone", "Email", "Web"], 5));
            row.set(kind, make.maybe(&["Mechanical", "Electrical", "Electronic", "Other"], 30));
            row.set(reason, make.maybe(&["Installation", "Performance", "Breakdown", "Other"], 40));
            row.set(account, one_of(&mut make, "001", sizes.accounts, 8));
            row.set(contact, one_of(&mut make, "003", sizes.contacts, 15));
            row.set(owner, Value::Id(make.user()));
            (id, row)
        })
        .collect()
}

/// One of the first `count` rows of an object, or null with this chance in percent.
fn one_of(make: &mut Maker, prefix: &str, count: usize, null_percent: u8) -> Value {
    if count == 0 || make.chance(null_percent) {
        return Value::Null;
    }
    Value::Id(RecordId::new(prefix, 1 + make.rng.u64(..count as u64)))
}

fn created_day(row: &Row) -> Option<chrono::NaiveDate> {
    let created = row.stored(CREATED_DATE).as_millis().and_then(DateTime::from_timestamp_millis);
    created.map(|at| at.date_naive())
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::clock::SimClock;
    use crate::salesforce::generate::{OrgSpec, generate};
    use crate::salesforce::model::Org;

    const SPEC: OrgSpec = OrgSpec {
        accounts: 20,
        contacts: 60,
        opportunities: 900,
        contact_roles: usize::MAX,
        cases: 200,
        projects: 50,
        ..OrgSpec::EMPTY
    };

    fn links(org: &Org, field: &str) -> Vec<RecordId> {
        let table = org.table("OpportunityContactRole").unwrap();
        let index = table.def.field_index(field).unwrap();
        table.all().filter_map(|(_, row)| row.stored(index).as_id()).collect()
    }

    #[test]
    fn two_of_three_opportunities_have_one_to_three_roles() {
        let org = generate(1, &SPEC, SimClock::default());
        let mut count = BTreeMap::<RecordId, usize>::new();
        for deal in links(&org, "OpportunityId") {
            *count.entry(deal).or_default() += 1;
        }
        assert_eq!(count.len(), 600 - 2, "the two in the bin would have had some");
        assert_eq!(count.values().copied().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2, 3]));
        let pairs = links(&org, "OpportunityId").into_iter().zip(links(&org, "ContactId"));
        assert_eq!(pairs.collect::<BTreeSet<_>>().len(), count.values().sum::<usize>(), "no pair twice");
    }

    #[test]
    fn roles_stop_at_the_limit_and_need_contacts() {
        let roles = |spec: OrgSpec| links(&generate(1, &spec, SimClock::default()), "ContactId").len();
        assert_eq!(roles(OrgSpec { contact_roles: 100, ..SPEC }), 100);
        assert_eq!(roles(OrgSpec { contacts: 0, ..SPEC }), 0);
        assert_eq!(roles(OrgSpec { contact_roles: 0, ..SPEC }), 0);
    }

    #[test]
    fn cases_are_dated_when_closed_and_only_then() {
        let org = generate(1, &SPEC, SimClock::default());
        let table = org.table("Case").unwrap();
        let [status, closed] = positions(&table.def, ["Status", "ClosedDate"]);
        let is_closed = |row: &Row| row.stored(status).as_str() == Some(CASE_CLOSED);
        assert!(table.all().all(|(_, row)| is_closed(row) != row.stored(closed).is_null()));
        let count = table.all().filter(|(_, row)| is_closed(row)).count();
        assert!((80..160).contains(&count), "{count} of 200");
    }
}
