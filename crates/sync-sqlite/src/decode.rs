//! Reading rows back. What can't be read names its table, column and row.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sync_core::StoreError;
use sync_core::value::parse_instant;
use uuid::Uuid;

/// A row of a known table; its first column is what it is called by in errors.
pub(crate) struct Stored<'r> {
    row: &'r SqliteRow,
    table: &'static str,
    columns: &'static [&'static str],
}

impl<'r> Stored<'r> {
    /// `columns` are the names of the selected columns, in order.
    pub(crate) fn new(row: &'r SqliteRow, table: &'static str, columns: &'static [&'static str]) -> Self {
        Self { row, table, columns }
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<&'r str>, StoreError> {
        self.row.try_get(column).map_err(|_| self.corrupt(column, "it is no text"))
    }

    pub(crate) fn text(&self, column: usize) -> Result<&'r str, StoreError> {
        self.opt_text(column)?.ok_or_else(|| self.corrupt(column, "it is empty"))
    }

    pub(crate) fn bytes(&self, column: usize) -> Result<&'r [u8], StoreError> {
        self.row.try_get(column).map_err(|_| self.corrupt(column, "it holds no bytes"))
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>, StoreError> {
        self.row.try_get(column).map_err(|_| self.corrupt(column, "it is no whole number"))
    }

    pub(crate) fn int(&self, column: usize) -> Result<i64, StoreError> {
        self.opt_int(column)?.ok_or_else(|| self.corrupt(column, "it is empty"))
    }

    /// A count; a negative one is an error.
    pub(crate) fn count(&self, column: usize) -> Result<u64, StoreError> {
        self.int(column)?.try_into().map_err(|_| self.corrupt(column, "it is negative"))
    }

    pub(crate) fn uuid(&self, column: usize) -> Result<Uuid, StoreError> {
        Uuid::parse_str(self.text(column)?).map_err(|_| self.corrupt(column, "it is no UUID"))
    }

    pub(crate) fn opt_instant(&self, column: usize) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.opt_text(column)?
            .map(|text| parse_instant(text).ok_or_else(|| self.corrupt(column, "it is no instant")))
            .transpose()
    }

    pub(crate) fn instant(&self, column: usize) -> Result<DateTime<Utc>, StoreError> {
        self.opt_instant(column)?.ok_or_else(|| self.corrupt(column, "it is empty"))
    }

    /// JSON text.
    pub(crate) fn opt_json<V: DeserializeOwned>(&self, column: usize) -> Result<Option<V>, StoreError> {
        self.opt_text(column)?
            .map(|text| {
                serde_json::from_str(text).map_err(|_| self.corrupt(column, "its JSON can't be read"))
            })
            .transpose()
    }

    pub(crate) fn json<V: DeserializeOwned>(&self, column: usize) -> Result<V, StoreError> {
        self.opt_json(column)?.ok_or_else(|| self.corrupt(column, "it is empty"))
    }

    /// One of a fixed set of names.
    pub(crate) fn name<V>(
        &self,
        column: usize,
        parse: impl FnOnce(&str) -> Option<V>,
    ) -> Result<V, StoreError> {
        parse(self.text(column)?).ok_or_else(|| self.corrupt(column, "its name is not known"))
    }

    fn corrupt(&self, column: usize, reason: &str) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column: self.columns.get(column).copied().unwrap_or("?"),
            row: self.row.try_get(0).unwrap_or_default(),
            reason: reason.to_owned(),
        }
    }
}
