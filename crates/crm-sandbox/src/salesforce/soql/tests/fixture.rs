//! A small org with one row for every corner, at 2026-01-05T08:00:00Z (a Monday).

use chrono::NaiveDate;

use crate::SimClock;
use crate::salesforce::model::{
    FieldDef, FieldType, ID, IS_DELETED, ObjectDef, Org, RecordId, Row, SYSTEM_MODSTAMP, Value,
};
use crate::salesforce::schema::{standard_objects, system_fields};
use crate::salesforce::soql::{SoqlError, execute, parse, render_page};

/// 2026-01-05T00:00:00Z.
pub(in super::super) const TODAY: i64 = 1_767_571_200_000;
pub(super) const HOUR: i64 = 3_600_000;

type Fields = [(&'static str, Value)];

pub(in super::super) fn id(prefix: &str, n: u64) -> RecordId {
    RecordId::new(prefix, n)
}

/// Accounts 1–6, contacts and opportunities under some of them, and visits to both.
pub(in super::super) fn org() -> Org {
    let mut objects = standard_objects();
    objects.push(visit());
    let mut org = Org::new(SimClock::default(), objects);
    users_and_accounts(&mut org);
    contacts_and_opportunities(&mut org);
    visits(&mut org);
    org
}

fn users_and_accounts(org: &mut Org) {
    add(org, "User", id("005", 1), 0, &[("LastName", text("Boss"))]);
    add(org, "User", id("005", 2), 0, &[("LastName", text("Rep")), ("ManagerId", Value::Id(id("005", 1)))]);
    let owner = ("OwnerId", Value::Id(id("005", 2)));
    let rows: [(u64, i64, &Fields); 6] = [
        (
            1,
            -30 * HOUR,
            &[
                ("Name", text("Acme")),
                ("AnnualRevenue", Value::Decimal("12500.0".into())),
                ("NumberOfEmployees", Value::Int(10)),
                ("Segments__c", text("SMB;Public")),
                ("BillingCity", text("Bonn")),
                ("Industry", text("Energy")),
            ],
        ),
        (
            2,
            -20 * HOUR,
            &[
                ("Name", text("acme 100%")),
                ("AnnualRevenue", Value::Decimal("1500.0".into())),
                ("NumberOfEmployees", Value::Int(0)),
                ("Segments__c", text("SMB")),
                ("Industry", text("energy")),
            ],
        ),
        (
            3,
            0,
            &[("Name", text("Größe_1")), ("ParentId", Value::Id(id("001", 1))), ("Industry", text("Retail"))],
        ),
        (4, HOUR, &[("Name", text("O'Neil\\Sons")), ("AnnualRevenue", Value::Decimal("-0.5".into()))]),
        (5, HOUR, &[("Name", text("Zeta")), ("ParentId", Value::Id(id("001", 3))), ("Phone", text(""))]),
        (6, HOUR, &[("Name", text("Gone")), ("IsDeleted", Value::Bool(true))]),
    ];
    for (n, at, fields) in rows {
        let fields: Vec<_> = fields.iter().cloned().chain([owner.clone()]).collect();
        add(org, "Account", id("001", n), at, &fields);
    }
}

fn contacts_and_opportunities(org: &mut Org) {
    for (n, name, account, born) in
        [(1, "Ada", 1, Some("1990-12-10")), (2, "Bob", 1, Some("2026-01-05")), (3, "Cy", 6, None)]
    {
        let birthdate = born.map_or(Value::Null, date);
        let fields = [
            ("LastName", text(name)),
            ("AccountId", Value::Id(id("001", account))),
            ("Birthdate", birthdate),
        ];
        add(org, "Contact", id("003", n), 0, &fields);
    }
    add(
        org,
        "Contact",
        id("003", 4),
        0,
        &[
            ("LastName", text("Del")),
            ("AccountId", Value::Id(id("001", 1))),
            ("IsDeleted", Value::Bool(true)),
        ],
    );
    add(
        org,
        "Opportunity",
        id("006", 1),
        0,
        &[
            ("Name", text("Renewal")),
            ("AccountId", Value::Id(id("001", 1))),
            ("Amount", Value::Decimal("12500.0".into())),
            ("CloseDate", date("2026-03-31")),
            ("StageName", text("Closed Won")),
        ],
    );
    add(org, "Opportunity", id("006", 2), 0, &[("Name", text("Lonely")), ("StageName", text("Prospecting"))]);
}

fn visits(org: &mut Org) {
    add(
        org,
        "Visit__c",
        id("a00", 1),
        0,
        &[("Name", text("V1")), ("What", Value::Id(id("001", 1))), ("Key__c", text("Ab"))],
    );
    add(
        org,
        "Visit__c",
        id("a00", 2),
        0,
        &[("Name", text("V2")), ("What", Value::Id(id("006", 1))), ("Key__c", text("ab"))],
    );
    add(
        org,
        "Visit__c",
        id("a00", 3),
        0,
        &[("Name", text("V3")), ("Up__c", Value::Id(id("a00", 1))), ("Open__c", Value::Bool(true))],
    );
}

/// A custom object with a polymorphic reference, a parent of its own kind, and a case-sensitive key.
fn visit() -> ObjectDef {
    let mut fields = system_fields(true);
    let mut what = FieldDef::new("What", FieldType::Reference);
    what.reference_to = vec!["Account".into(), "Opportunity".into()];
    what.relationship_name = Some("What".into());
    let mut key = FieldDef::new("Key__c", FieldType::String);
    key.case_sensitive = true;
    let hidden = FieldDef::new("Gone__c", FieldType::String).hidden();
    let up = FieldDef::new("Up__c", FieldType::Reference).to("Visit__c").children("Visits__r");
    let place = FieldDef::new("Place__c", FieldType::Location);
    fields.extend([FieldDef::new("Name", FieldType::String), what, up, key, hidden, place]);
    fields.push(FieldDef::new("Open__c", FieldType::Boolean));
    ObjectDef::new("Visit__c", "Visits", "a00", fields)
}

pub(super) fn text(text: &str) -> Value {
    Value::text(text)
}

fn date(text: &str) -> Value {
    Value::Date(text.parse::<NaiveDate>().unwrap())
}

/// Stores a row stamped `at` milliseconds after the start of today.
pub(super) fn add(org: &mut Org, object: &str, id: RecordId, at: i64, fields: &[(&str, Value)]) {
    let table = org.table_mut(object).unwrap();
    let mut row = Row::default();
    row.set(ID, Value::Id(id));
    row.set(IS_DELETED, Value::Bool(false));
    row.set(SYSTEM_MODSTAMP, Value::DateTime(TODAY + at));
    for (name, value) in fields {
        row.set(table.def.field_index(name).unwrap(), value.clone());
    }
    table.put(id, row, None);
}

pub(super) fn run(org: &Org, soql: &str) -> Result<String, SoqlError> {
    let set = execute(org, &parse(soql)?, false)?;
    let mut buf = Vec::new();
    render_page(org, &set, 0..usize::MAX, None, &mut buf);
    Ok(String::from_utf8(buf).unwrap())
}

/// The records of an answer, parsed.
pub(super) fn records(org: &Org, soql: &str) -> Vec<serde_json::Value> {
    let json = run(org, soql).unwrap_or_else(|error| panic!("{soql}: {error}"));
    let mut answer: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{json}"));
    serde_json::from_value(answer["records"].take()).unwrap()
}

/// One string field of every record.
pub(super) fn column(org: &Org, soql: &str, field: &str) -> Vec<String> {
    records(org, soql).iter().map(|record| record[field].as_str().unwrap_or("null").to_owned()).collect()
}
