//! Measurements over a million rows, for the release profile: `cargo test --release -p crm-sandbox speed -- --ignored --nocapture`.

use std::time::Instant;

use super::super::{execute, parse, render_page};
use super::fixture::{TODAY, id};
use crate::SimClock;
use crate::salesforce::model::{Org, Row, Value};
use crate::salesforce::schema::standard_objects;

const ROWS: u64 = 1_000_000;

fn org() -> Org {
    let mut org = Org::new(SimClock::default(), standard_objects());
    let table = org.table_mut("Opportunity").unwrap();
    let at = |name: &str| table.def.field_index(name).unwrap();
    let (name, stage, amount, probability) = (at("Name"), at("StageName"), at("Amount"), at("Probability"));
    let (close, account, owner) = (at("CloseDate"), at("AccountId"), at("OwnerId"));
    let rows = (1..=ROWS).map(|n| {
        let id = id("006", n);
        let mut row = Row::default();
        row.set(0, Value::Id(id));
        row.set(1, Value::Bool(false));
        // Four rows to a second, in the order they were made, with one in ten changed later.
        let made = n / 4;
        let second = if n % 10 == 0 { made + n * 7_919 % (ROWS / 4 - made + 1) } else { made };
        #[expect(clippy::cast_possible_wrap, reason = "small numbers")]
        let second = (ROWS / 4 - second) as i64;
        row.set(6, Value::DateTime(TODAY - second * 1_000));
        row.set(name, Value::text(format!("Deal number {n}")));
        row.set(stage, Value::text("Prospecting"));
        row.set(amount, Value::Decimal(format!("{n}.0").into()));
        row.set(probability, Value::Double(25.0));
        row.set(close, Value::Date(chrono::NaiveDate::from_ymd_opt(2026, 3, 31).unwrap()));
        row.set(account, Value::Id(self::id("001", n / 10)));
        row.set(owner, Value::Id(self::id("005", 1)));
        (id, row)
    });
    table.load(rows.collect());
    org
}

/// The bounds are loose on purpose: they catch an index that is not used, not a slow machine.
#[test]
#[ignore = "a measurement: needs the release profile and a gigabyte"]
fn a_million_rows_are_paged_through_the_index() {
    let org = org();
    let fields =
        "Id, Name, StageName, Amount, Probability, CloseDate, AccountId, OwnerId, IsDeleted, SystemModstamp";
    let all = parse(&format!("SELECT {fields} FROM Opportunity ORDER BY SystemModstamp, Id")).unwrap();
    let start = Instant::now();
    let set = execute(&org, &all, false).unwrap();
    println!("execute, all rows in stamp order: {:?}", start.elapsed());
    let mut buf = Vec::new();
    let start = Instant::now();
    for page in 0..set.n_records() / 2_000 {
        buf.clear();
        render_page(&org, &set, page * 2_000..(page + 1) * 2_000, None, &mut buf);
    }
    let rate = set.n_records() as f64 / start.elapsed().as_secs_f64();
    println!("render: {rate:.0} records/s, {} bytes a page", buf.len());
    let keyset = format!(
        "SELECT {fields} FROM Opportunity WHERE SystemModstamp <= 2026-01-05T00:00:00Z AND \
         (SystemModstamp > 2026-01-04T00:00:00Z OR (SystemModstamp = 2026-01-04T00:00:00Z AND Id > '{}')) \
         ORDER BY SystemModstamp, Id LIMIT 2000",
        id("006", 500_000)
    );
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(execute(&org, &parse(&keyset).unwrap(), false).unwrap().n_records(), 2_000);
    }
    let each = start.elapsed() / 100;
    println!("execute, one keyset page: {each:?}");
    let start = Instant::now();
    let scan = parse("SELECT Id FROM Opportunity WHERE Name LIKE '%9999' ORDER BY Name").unwrap();
    assert_eq!(execute(&org, &scan, false).unwrap().n_records(), 100);
    println!("execute, full scan with LIKE: {:?}", start.elapsed());
    assert!(rate >= 500_000.0 && each.as_millis() < 20);
}
