//! An org from the CSV files of a sales pipeline: agents, accounts, opportunities as they are, blemishes included.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{Days, NaiveDate};
use serde_json::{Value as Json, json};

use super::{DAY_MS, OrgSpec, generate};
use crate::clock::SimClock;
use crate::csv_rows::{self, Record, date, midnight, text};
use crate::salesforce::model::{Org, RecordId};
use crate::salesforce::write::{Fields, RowError, WriteOptions};

/// Open deals close this long after they began.
const OPEN_DAYS: u64 = 90;

/// The files could not become an org.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// A file is missing or not CSV.
    #[error("could not read {file}; point at the folder that holds the pipeline's csv files")]
    File {
        /// Which one.
        file: PathBuf,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// A row does not fit the org.
    #[error("row {row} of {file} does not fit the org")]
    Row {
        /// Which file.
        file: &'static str,
        /// Counted from 1, without the heading.
        row: usize,
        /// Why.
        #[source]
        source: RowError,
    },
}

/// Reads `sales_teams.csv`, `accounts.csv` and `sales_pipeline.csv` in `folder`.
///
/// Agents become users, accounts keep their parent by name, opportunities their owner and account by name. Missing
/// values stay missing; a name that fits nothing leaves the reference empty. Products stay as spelt in `Product__c`,
/// the file's own key goes to `Ext__c`.
///
/// # Errors
/// [`PipelineError`] names the file, and the row.
pub fn load_pipeline(folder: &Path, clock: SimClock) -> Result<Org, PipelineError> {
    let mut org = generate(1, &OrgSpec::default(), clock);
    let deals = read(folder, "sales_pipeline.csv")?;
    // Agents and accounts were there before the first deal.
    let first = deals.iter().filter_map(|record| date(record, "engage_date")).min().map(midnight);
    let long_ago = first.unwrap_or_else(|| org.now_ms()) - 30 * DAY_MS;
    let options = WriteOptions::admin().stamped(long_ago);
    let agents = agents(&mut org, &read(folder, "sales_teams.csv")?, options)?;
    let accounts = accounts(&mut org, &read(folder, "accounts.csv")?, options)?;
    for (n, record) in deals.iter().enumerate() {
        let began = date(record, "engage_date");
        // The stamp is the last day the file knows of the deal, so that stamps look like a year of work.
        let stamp = date(record, "close_date").or(began).map_or(long_ago, |day| {
            let second = i64::try_from(n).unwrap_or(0) % 28_800;
            midnight(day) + (28_800 + second) * 1000
        });
        let fields = opportunity(record, began, &agents, &accounts, long_ago);
        let created = org.create("Opportunity", &fields, options.stamped(stamp.min(org.now_ms())));
        created.map_err(|source| PipelineError::Row { file: "sales_pipeline.csv", row: n + 1, source })?;
    }
    Ok(org)
}

type ByName = HashMap<String, RecordId>;

fn agents(org: &mut Org, records: &[Record], options: WriteOptions) -> Result<ByName, PipelineError> {
    let mut by_name = ByName::new();
    for (n, record) in records.iter().enumerate() {
        let name = text(record, "sales_agent").unwrap_or("?");
        let (first, last) = name.split_once(' ').unwrap_or(("", name));
        let login = format!("{}@example.com", name.to_lowercase().replace(' ', "."));
        let alias: String = last.chars().take(8).collect();
        let fields = fields([
            ("FirstName", json!(first)),
            ("LastName", json!(last)),
            ("Username", json!(login)),
            ("Email", json!(login)),
            ("Alias", json!(alias)),
            ("IsActive", json!(true)),
            ("Department", json!(text(record, "regional_office"))),
        ]);
        let id = org.create("User", &fields, options);
        let id = id.map_err(|source| PipelineError::Row { file: "sales_teams.csv", row: n + 1, source })?;
        by_name.insert(name.to_owned(), id);
    }
    Ok(by_name)
}

fn accounts(org: &mut Org, records: &[Record], options: WriteOptions) -> Result<ByName, PipelineError> {
    let failed = |n: usize| move |source| PipelineError::Row { file: "accounts.csv", row: n + 1, source };
    let mut by_name = ByName::new();
    for (n, record) in records.iter().enumerate() {
        let name = text(record, "account").unwrap_or("?");
        let millions: Option<f64> = text(record, "revenue").and_then(|text| text.parse().ok());
        let fields = fields([
            ("Name", json!(name)),
            ("Industry", json!(text(record, "sector"))),
            ("YearStarted", json!(text(record, "year_established"))),
            ("AnnualRevenue", json!(millions.map(|millions| millions * 1e6))),
            ("NumberOfEmployees", json!(text(record, "employees"))),
            ("BillingCountry", json!(text(record, "office_location"))),
        ]);
        by_name.insert(name.to_owned(), org.create("Account", &fields, options).map_err(failed(n))?);
    }
    for (n, record) in records.iter().enumerate() {
        let parent = text(record, "subsidiary_of").and_then(|name| by_name.get(name));
        let child = text(record, "account").and_then(|name| by_name.get(name));
        if let (Some(parent), Some(child)) = (parent, child) {
            let fields = fields([("ParentId", json!(parent))]);
            org.update(*child, &fields, options).map_err(failed(n))?;
        }
    }
    Ok(by_name)
}

fn opportunity(
    record: &Record,
    began: Option<NaiveDate>,
    agents: &ByName,
    accounts: &ByName,
    long_ago: i64,
) -> Fields {
    let account = text(record, "account").and_then(|name| accounts.get(name));
    let owner = text(record, "sales_agent").and_then(|name| agents.get(name));
    let product = text(record, "product");
    let key = text(record, "opportunity_id");
    let expected = began.and_then(|day| day.checked_add_days(Days::new(OPEN_DAYS)));
    let close = date(record, "close_date").or(expected);
    let created =
        chrono::DateTime::from_timestamp_millis(began.map_or(long_ago, midnight)).unwrap_or_default();
    let name = [text(record, "account"), product, key].into_iter().flatten().collect::<Vec<_>>().join(" - ");
    let mut fields = fields([
        ("Name", json!(name)),
        ("AccountId", json!(account)),
        ("StageName", json!(text(record, "deal_stage"))),
        ("Amount", json!(text(record, "close_value"))),
        ("CloseDate", json!(close.map(|day| day.to_string()))),
        ("Product__c", json!(product)),
        ("Ext__c", json!(key)),
        ("CreatedDate", json!(created.to_rfc3339())),
    ]);
    if let Some(owner) = owner {
        fields.insert("OwnerId".to_owned(), json!(owner));
    }
    fields
}

fn fields<const N: usize>(pairs: [(&str, Json); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn read(folder: &Path, name: &str) -> Result<Vec<Record>, PipelineError> {
    let file = folder.join(name);
    csv_rows::read(&file).map_err(|source| PipelineError::File { file, source })
}
