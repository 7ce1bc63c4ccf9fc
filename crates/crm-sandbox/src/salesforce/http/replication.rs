//! getUpdated and getDeleted.

use std::collections::HashSet;

use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::request::Call;
use crate::salesforce::model::{Org, RecordId, write_datetime};
use crate::salesforce::state::State;
use crate::salesforce::write::{BIN_MS, parse_instant};
use crate::wire::Answer;

const MINUTE_MS: i64 = 60_000;
/// How far back getUpdated looks.
const UPDATED_MS: i64 = 30 * 24 * 3600 * 1000;
/// More ids than this are refused.
const MAX_IDS: usize = 600_000;

/// Start, end, and how far the answer can be complete; all in simulated milliseconds.
struct Window {
    start: i64,
    end: i64,
    covered: i64,
}

/// `GET .../sobjects/{Object}/updated/?start=&end=`
pub(super) fn updated(state: &State, call: &Call, object: &str) -> Result<Answer, ApiError> {
    let org = state.org();
    let table = org.table(object).ok_or_else(ApiError::not_found)?;
    let window = window(state, &org, call, UPDATED_MS)?;
    let range = (window.start, RecordId::MIN)..(window.end, RecordId::MIN);
    let ids: Vec<RecordId> = table
        .scan_stamps(range, org.now_ms())
        .filter(|(_, row)| !row.is_deleted())
        .map(|(id, _)| *id)
        .take(MAX_IDS + 1)
        .collect();
    check_count(ids.len())?;
    Ok(Answer::json(200, &json!({"ids": ids, "latestDateCovered": datetime(window.covered)})))
}

/// `GET .../sobjects/{Object}/deleted/?start=&end=`
pub(super) fn deleted(state: &State, call: &Call, object: &str) -> Result<Answer, ApiError> {
    let org = state.org();
    let table = org.table(object).ok_or_else(ApiError::not_found)?;
    let window = window(state, &org, call, BIN_MS)?;
    let mut seen = HashSet::new();
    let records: Vec<Json> = org
        .deletions
        .iter()
        .filter(|deletion| deletion.id.prefix() == &*table.def.key_prefix)
        .filter(|deletion| (window.start..window.end).contains(&deletion.at) && seen.insert(deletion.id))
        .map(|deletion| json!({"id": deletion.id, "deletedDate": datetime(deletion.at)}))
        .collect();
    check_count(records.len())?;
    Ok(Answer::json(
        200,
        &json!({
            "deletedRecords": records,
            "earliestDateAvailable": datetime(org.now_ms() - BIN_MS),
            "latestDateCovered": datetime(window.covered),
        }),
    ))
}

fn window(state: &State, org: &Org, call: &Call, reach_ms: i64) -> Result<Window, ApiError> {
    let instant = |name: &str| {
        let text = call.param(name).ok_or_else(|| {
            ApiError::bad_request("INVALID_REPLICATION_DATE", format!("{name} date is required"))
        })?;
        // A plus sign that was not encoded arrives as a space.
        parse_instant(&text.replace(' ', "+")).map(|ms| ms - ms.rem_euclid(MINUTE_MS)).ok_or_else(|| {
            ApiError::bad_request("INVALID_REPLICATION_DATE", format!("{name} date is not readable"))
        })
    };
    let (start, end) = (instant("start")?, instant("end")?);
    let now = org.now_ms();
    let refuse = |message: &str| Err(ApiError::bad_request("INVALID_REPLICATION_DATE", message));
    if start >= end {
        return refuse("startDate before endDate by at least a minute is required");
    }
    if start < now - reach_ms {
        return refuse("startDate before org replication enabled date");
    }
    let lag = i64::try_from(state.settings().replication_lag.as_millis()).unwrap_or(0);
    let complete = now - lag;
    Ok(Window { start, end, covered: end.min(complete - complete.rem_euclid(MINUTE_MS)) })
}

fn check_count(n: usize) -> Result<(), ApiError> {
    if n <= MAX_IDS {
        return Ok(());
    }
    Err(ApiError::bad_request(
        "EXCEEDED_ID_LIMIT",
        "the result holds more than 600,000 ids; choose a shorter window",
    ))
}

fn datetime(ms: i64) -> String {
    let mut out = Vec::new();
    write_datetime(ms, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
