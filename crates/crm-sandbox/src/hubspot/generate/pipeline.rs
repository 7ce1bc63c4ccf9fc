//! An account from the CSV files of a sales pipeline: agents, companies, deals as they are, blemishes included.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::{DAY_MS, empty};
use crate::clock::SimClock;
use crate::csv_rows::{self, Record, date, midnight, text};
use crate::hubspot::model::{Account, Owner, Pair, Pipeline, Stage, Team, time::iso};
use crate::hubspot::write::{Properties, RowError, WriteOptions};

/// Open deals close this long after they began.
const OPEN_DAYS: i64 = 90;
const PRIMARY_DEAL_COMPANY: u32 = 5;
/// A company that belongs to another.
const CHILD_COMPANY: u32 = 13;
/// Stages of the files, with whether they are closed and their probability.
const STAGES: [(&str, bool, &str); 4] =
    [("Prospecting", false, "0.1"), ("Engaging", false, "0.5"), ("Won", true, "1.0"), ("Lost", true, "0.0")];

/// The files could not become an account.
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
    /// A row does not fit the account.
    #[error("row {row} of {file} does not fit the account")]
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
/// Agents become owners, accounts become companies (with their parent, by name), deals get their owner and their
/// primary company by name. Missing values stay missing; a name that fits nothing leaves no association. Products stay
/// as spelt in `product`, the file's own key goes to `ext_key`.
///
/// # Errors
/// [`PipelineError`] names the file, and the row.
pub fn load_pipeline(folder: &Path, clock: SimClock) -> Result<Account, PipelineError> {
    let mut account = empty(1, 1, clock);
    let records = read(folder, "sales_pipeline.csv")?;
    // Agents and companies were there before the first deal.
    let first = records.iter().filter_map(|record| date(record, "engage_date")).min().map(midnight);
    let long_ago = first.unwrap_or_else(|| account.now_ms()) - 30 * DAY_MS;
    let object = |name| account.object(name).unwrap_or_default();
    let (companies, deals) = (object("companies"), object("deals"));
    add_pipeline(&mut account, deals, long_ago);
    let agents = agents(&mut account, &read(folder, "sales_teams.csv")?, long_ago);
    let by_name = company_rows(&mut account, companies, &read(folder, "accounts.csv")?, long_ago)?;
    let pair = Pair { from: deals, to: companies };
    for (n, record) in records.iter().enumerate() {
        let failed = |source| PipelineError::Row { file: "sales_pipeline.csv", row: n + 1, source };
        let stamp = last_seen(record, n, long_ago).min(account.now_ms());
        let options = WriteOptions::admin().stamped(stamp);
        let id = account.create(deals, &deal(record, &agents, long_ago), options).map_err(failed)?;
        if let Some(company) = text(record, "account").and_then(|name| by_name.get(name)) {
            account.links.link(pair, id, *company, &[PRIMARY_DEAL_COMPANY]);
        }
    }
    Ok(account)
}

/// The last day the file knows of a deal, so that stamps look like a year of work.
fn last_seen(record: &Record, n: usize, long_ago: i64) -> i64 {
    let day = date(record, "close_date").or_else(|| date(record, "engage_date"));
    let second = i64::try_from(n).unwrap_or(0) % 28_800;
    day.map_or(long_ago, |day| midnight(day) + (28_800 + second) * 1000)
}

/// The files have a pipeline of their own.
fn add_pipeline(account: &mut Account, deals: usize, made_at: i64) {
    let stages = STAGES.iter().zip(0..).map(|((name, closed, probability), display_order)| Stage {
        id: name.to_lowercase(),
        label: (*name).to_owned(),
        display_order,
        metadata: vec![
            ("isClosed".to_owned(), closed.to_string()),
            ("probability".to_owned(), (*probability).to_owned()),
        ],
        created_at: made_at,
        updated_at: made_at,
    });
    let pipeline = Pipeline {
        id: "b2b".to_owned(),
        label: "B2B".to_owned(),
        display_order: 2,
        stages: stages.collect(),
        created_at: made_at,
        updated_at: made_at,
    };
    if let Some((_, pipelines)) = account.pipelines.iter_mut().find(|(object, _)| *object == deals) {
        pipelines.push(pipeline);
    }
}

type ByName = HashMap<String, u64>;

/// Owners by the agents' names.
fn agents(account: &mut Account, records: &[Record], made_at: i64) -> ByName {
    let mut by_name = ByName::new();
    for (record, n) in records.iter().zip(1_u64..) {
        let name = text(record, "sales_agent").unwrap_or("?");
        let (first, last) = name.split_once(' ').unwrap_or(("", name));
        let office = text(record, "regional_office").unwrap_or("?");
        let id = 41 + n * 3;
        account.owners.push(Owner {
            id,
            user_id: 77 + n,
            email: format!("{}@example.com", name.to_lowercase().replace(' ', ".")),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            teams: vec![Team { id: office.len() as u64, name: office.to_owned(), primary: true }],
            created_at: made_at,
            updated_at: made_at,
            archived: false,
        });
        by_name.insert(name.to_owned(), id);
    }
    by_name
}

fn company_rows(
    account: &mut Account,
    companies: usize,
    records: &[Record],
    made_at: i64,
) -> Result<ByName, PipelineError> {
    let options = WriteOptions::admin().stamped(made_at);
    let mut by_name = ByName::new();
    for (n, record) in records.iter().enumerate() {
        let name = text(record, "account").unwrap_or("?");
        let millions: Option<f64> = text(record, "revenue").and_then(|text| text.parse().ok());
        let fields = properties([
            ("name", json!(name)),
            ("industry", json!(text(record, "sector"))),
            ("founded_year", json!(text(record, "year_established"))),
            ("annualrevenue", json!(millions.map(|millions| (millions * 1e6).round().to_string()))),
            ("numberofemployees", json!(text(record, "employees"))),
            ("country", json!(text(record, "office_location"))),
        ]);
        let id = account.create(companies, &fields, options);
        let id = id.map_err(|source| PipelineError::Row { file: "accounts.csv", row: n + 1, source })?;
        by_name.insert(name.to_owned(), id);
    }
    for record in records {
        let find = |column| text(record, column).and_then(|name| by_name.get(name));
        if let (Some(parent), Some(child)) = (find("subsidiary_of"), find("account")) {
            let pair = Pair { from: companies, to: companies };
            account.links.link(pair, *child, *parent, &[CHILD_COMPANY]);
        }
    }
    Ok(by_name)
}

fn deal(record: &Record, agents: &ByName, long_ago: i64) -> Properties {
    let began = date(record, "engage_date").map(midnight);
    let expected = began.map(|began| began + OPEN_DAYS * DAY_MS);
    let close = date(record, "close_date").map(midnight).or(expected);
    let key = text(record, "opportunity_id");
    let parts = [text(record, "account"), text(record, "product"), key];
    let name = parts.into_iter().flatten().collect::<Vec<_>>().join(" - ");
    let owner = text(record, "sales_agent").and_then(|name| agents.get(name));
    properties([
        ("dealname", json!(name)),
        ("pipeline", json!("b2b")),
        ("dealstage", json!(text(record, "deal_stage").map(str::to_lowercase))),
        ("amount", json!(text(record, "close_value"))),
        ("closedate", json!(close.map(iso))),
        ("product", json!(text(record, "product"))),
        ("ext_key", json!(key)),
        ("hubspot_owner_id", json!(owner.map(u64::to_string))),
        ("createdate", json!(iso(began.unwrap_or(long_ago)))),
    ])
}

fn properties<const N: usize>(pairs: [(&str, Json); N]) -> Properties {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn read(folder: &Path, name: &str) -> Result<Vec<Record>, PipelineError> {
    let file = folder.join(name);
    csv_rows::read(&file).map_err(|source| PipelineError::File { file, source })
}
