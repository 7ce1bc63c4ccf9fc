//! Rows of CSV files, by column name.

use std::collections::HashMap;
use std::path::Path;

use chrono::{NaiveDate, NaiveTime};

pub(crate) type Record = HashMap<String, String>;

/// All rows of a file with a heading.
pub(crate) fn read(file: &Path) -> Result<Vec<Record>, csv::Error> {
    csv::Reader::from_path(file)?.deserialize().collect()
}

/// A cell, without blanks around it; empty ones are missing.
pub(crate) fn text<'a>(record: &'a Record, column: &str) -> Option<&'a str> {
    record.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
}

/// A cell that holds a day.
pub(crate) fn date(record: &Record, column: &str) -> Option<NaiveDate> {
    text(record, column)?.parse().ok()
}

/// The start of a day in UTC, in milliseconds since 1970.
pub(crate) fn midnight(day: NaiveDate) -> i64 {
    day.and_time(NaiveTime::MIN).and_utc().timestamp_millis()
}
