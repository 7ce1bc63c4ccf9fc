//! Writing rows the way the API does: checks, stamps, the recycle bin.

mod bin;
mod convert;
mod error;
mod guard;

use serde_json::{Map, Value as Json};

use super::model::{
    CREATED_BY, CREATED_DATE, FieldDef, FieldType, ID, IS_DELETED, LAST_MODIFIED_BY, LAST_MODIFIED_DATE, Org,
    RecordId, Row, SYSTEM_MODSTAMP, Table, Value,
};
use super::schema::{CASE_CLOSED, PROBABILITY_OF_STAGE};

pub(crate) use bin::BIN_MS;
pub(crate) use convert::parse_instant;
pub use error::RowError;
pub(crate) use guard::Guards;
pub use guard::{DuplicateRule, RowFailure, RowRule};

/// A JSON object of field values by name.
pub type Fields = Map<String, Json>;

/// Who writes, and what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// An API caller: only writable fields, every check.
    #[default]
    Api,
    /// Whoever runs the simulation: system fields too, and values the API would refuse.
    Admin,
}

/// How a write is stamped and when readers see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// What the writer may do.
    pub access: Access,
    /// `SystemModstamp` in simulated milliseconds; now when not given. Always cut to whole seconds.
    pub stamp: Option<i64>,
    /// Late visibility: readers see the version before (or nothing) until this simulated millisecond.
    pub visible_from: Option<i64>,
    /// The writing user; the org's API user when not given.
    pub actor: Option<RecordId>,
    /// An automated process: `SystemModstamp` moves, `LastModifiedDate` does not.
    pub keep_last_modified: bool,
    /// The client insists on rows that look like others.
    pub allow_duplicates: bool,
    /// Which request writes: a row that one of them has locked is not locked for itself.
    pub request: Option<u64>,
}

impl WriteOptions {
    /// A write by whoever runs the simulation.
    #[must_use]
    pub fn admin() -> Self {
        Self { access: Access::Admin, ..Self::default() }
    }

    /// Gives the write this stamp, in simulated milliseconds.
    #[must_use]
    pub fn stamped(mut self, stamp: i64) -> Self {
        self.stamp = Some(stamp);
        self
    }
}

/// What an upsert did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upserted {
    /// The row.
    pub id: RecordId,
    /// Whether it is new.
    pub created: bool,
}

/// Why an upsert did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpsertError {
    /// The key fits several rows (HTTP 300).
    #[error("the key fits {} rows", .0.len())]
    Several(Vec<RecordId>),
    /// As any other write.
    #[error(transparent)]
    Row(#[from] RowError),
}

/// Writes. Every one of them moves `SystemModstamp`.
impl Org {
    /// Inserts a row and returns its id.
    ///
    /// # Errors
    /// The provider's code and message for a missing, unknown, read-only or ill-typed field, a duplicate key or a
    /// missing parent.
    pub fn create(
        &mut self,
        object: &str,
        body: &Fields,
        options: WriteOptions,
    ) -> Result<RecordId, RowError> {
        let stamp = self.stamp(options);
        let actor = options.actor.unwrap_or(self.api_user);
        self.guard(object, None, body, options)?;
        let table = self.table(object).ok_or_else(|| RowError::unknown_object(object))?;
        let mut row = self.blank_row(table, stamp, actor);
        self.apply(table, &mut row, body, options.access, true)?;
        if options.access == Access::Api {
            missing_fields(table, &row)?;
        }
        self.check_unique(table, &row, body, None)?;
        self.check_duplicates(table, &row, None, options)?;
        let table = self.table_mut(object).ok_or_else(|| RowError::unknown_object(object))?;
        let id = table.next_id();
        row.set(ID, Value::Id(id));
        for (index, _) in table.def.visible_fields().filter(|(_, field)| field.auto_number) {
            row.set(index, auto_number(table.ids_given()));
        }
        self.put(id, row, options.visible_from);
        self.automate(id, options)?;
        Ok(id)
    }

    /// Changes the named fields of a row; `null` empties one.
    ///
    /// # Errors
    /// As [`Org::create`], and `NOT_FOUND` or `ENTITY_IS_DELETED` for the row itself.
    pub fn update(&mut self, id: RecordId, body: &Fields, options: WriteOptions) -> Result<(), RowError> {
        let stamp = self.stamp(options);
        let actor = options.actor.unwrap_or(self.api_user);
        let table = self.table_of(&id).ok_or_else(RowError::not_found)?;
        self.writable(table, id)?;
        let object = table.def.name.clone();
        self.guard(&object, Some(id), body, options)?;
        let table = self.table_of(&id).ok_or_else(RowError::not_found)?;
        let mut row = self.writable(table, id)?.clone();
        row.set(SYSTEM_MODSTAMP, Value::DateTime(stamp));
        if !options.keep_last_modified {
            row.set(LAST_MODIFIED_DATE, Value::DateTime(stamp));
            row.set(LAST_MODIFIED_BY, Value::Id(actor));
        }
        self.apply(table, &mut row, body, options.access, false)?;
        if options.access == Access::Api {
            missing_fields(table, &row)?;
        }
        self.check_unique(table, &row, body, Some(id))?;
        self.check_duplicates(table, &row, Some(id), options)?;
        self.put(id, row, options.visible_from);
        self.automate(id, options)
    }

    /// Updates the row whose key field holds `key`, or inserts one. `update_only` never inserts.
    ///
    /// # Errors
    /// [`UpsertError::Several`] when the key is not unique; otherwise as [`Org::create`].
    pub fn upsert(
        &mut self,
        object: &str,
        (key_field, key): (&str, &str),
        body: &Fields,
        update_only: bool,
        options: WriteOptions,
    ) -> Result<Upserted, UpsertError> {
        if body.keys().any(|name| name.eq_ignore_ascii_case(key_field) && key_field != "Id") {
            let message = format!("The {key_field} field should not be specified in the sobject data.");
            return Err(RowError::new("INVALID_FIELD", message, &[key_field]).into());
        }
        match self.find_by_key(object, key_field, key)?.as_slice() {
            [id] => {
                let id = *id;
                self.update(id, body, options)?;
                Ok(Upserted { id, created: false })
            }
            [] if update_only || key_field.eq_ignore_ascii_case("Id") => Err(RowError::not_found().into()),
            [] => {
                let mut body = body.clone();
                body.insert(key_field.to_owned(), Json::String(key.to_owned()));
                Ok(Upserted { id: self.create(object, &body, options)?, created: true })
            }
            several => Err(UpsertError::Several(several.to_vec())),
        }
    }

    /// The live rows whose external id (or id lookup) field holds `key`.
    ///
    /// # Errors
    /// `NOT_FOUND` when the object has no such field, or the field is not a key.
    pub fn find_by_key(&self, object: &str, key_field: &str, key: &str) -> Result<Vec<RecordId>, RowError> {
        let table = self.table(object).ok_or_else(RowError::not_found)?;
        if key_field.eq_ignore_ascii_case("Id") {
            let id = RecordId::parse(key).ok_or_else(|| RowError::malformed_id("Id", key))?;
            return Ok(table.newest(&id).filter(|row| !row.is_deleted()).map(|_| id).into_iter().collect());
        }
        let index = table
            .def
            .field_index(key_field)
            .filter(|index| table.def.fields()[*index].external_id || table.def.fields()[*index].id_lookup)
            .ok_or_else(|| RowError::no_key_field(key_field))?;
        let live = |id: &&RecordId| table.newest(id).is_some_and(|row| !row.is_deleted());
        Ok(table.find_key(index, key).iter().filter(live).copied().collect())
    }

    /// The stamp a write gets: whole seconds, as the provider stores it.
    pub(crate) fn stamp(&self, options: WriteOptions) -> i64 {
        let ms = options.stamp.unwrap_or_else(|| self.now_ms());
        ms - ms.rem_euclid(1000)
    }

    /// The newest version of a row that is not in the bin.
    pub(crate) fn writable<'a>(&self, table: &'a Table, id: RecordId) -> Result<&'a Row, RowError> {
        let row = table.newest(&id).ok_or_else(RowError::not_found)?;
        if row.is_deleted() { Err(RowError::deleted()) } else { Ok(row) }
    }

    fn blank_row(&self, table: &Table, stamp: i64, actor: RecordId) -> Row {
        let mut row = Row::default();
        for (index, field) in table.def.visible_fields() {
            if field.field_type == FieldType::Boolean && field.formula.is_none() {
                row.set(index, Value::Bool(false));
            }
        }
        if let Some(owner) = table.def.field_index("OwnerId") {
            row.set(owner, Value::Id(actor));
        }
        row.set(IS_DELETED, Value::Bool(false));
        for (index, value) in [
            (CREATED_DATE, Value::DateTime(stamp)),
            (CREATED_BY, Value::Id(actor)),
            (LAST_MODIFIED_DATE, Value::DateTime(stamp)),
            (LAST_MODIFIED_BY, Value::Id(actor)),
            (SYSTEM_MODSTAMP, Value::DateTime(stamp)),
        ] {
            row.set(index, value);
        }
        row
    }

    fn apply(
        &self,
        table: &Table,
        row: &mut Row,
        body: &Fields,
        access: Access,
        create: bool,
    ) -> Result<(), RowError> {
        for (name, json) in body {
            if name == "attributes" {
                continue;
            }
            if let Json::Object(parent) = json
                && let Some((index, field)) = table.def.relationship(name)
            {
                row.set(index, self.parent_by_key(field, parent)?);
                continue;
            }
            let Some(index) = table.def.field_index(name) else {
                return Err(RowError::no_column(name, &table.def.name));
            };
            let field = &table.def.fields()[index];
            if access == Access::Api {
                check_writable(field, create)?;
            }
            let value = convert::to_value(field, json, access)?;
            self.check_parent(field, &value, access)?;
            row.set(index, value);
        }
        set_probability(table, row, body);
        set_closed_date(table, row, body);
        Ok(())
    }

    /// A parent named by its external id: `{"Account": {"Ext__c": "A-17"}}`.
    fn parent_by_key(&self, field: &FieldDef, parent: &Fields) -> Result<Value, RowError> {
        let keys: Vec<_> = parent.iter().filter(|(name, _)| *name != "attributes").collect();
        let [(key_field, key)] = keys[..] else {
            let message = format!("{}: name the parent by exactly one external id field", field.name);
            return Err(RowError::new("INVALID_FIELD", message, &[&field.name]));
        };
        let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
        for object in &field.reference_to {
            if let [id] = self.find_by_key(object, key_field, &key)?[..] {
                return Ok(Value::Id(id));
            }
        }
        let object = field.reference_to.first().map_or("", |object| &**object);
        let message =
            format!("Foreign key external ID: {key} not found for field {key_field} in entity {object}");
        Err(RowError::new("INVALID_FIELD", message, &[]))
    }

    fn check_parent(&self, field: &FieldDef, value: &Value, access: Access) -> Result<(), RowError> {
        let (Value::Id(id), Access::Api, FieldType::Reference) = (value, access, field.field_type) else {
            return Ok(());
        };
        let table = self.table_of(id).ok_or_else(|| RowError::malformed_id(&field.label, id.as_str()))?;
        if !field.reference_to.contains(&table.def.name) {
            return Err(RowError::malformed_id(&field.label, id.as_str()));
        }
        match table.newest(id) {
            Some(row) if !row.is_deleted() => Ok(()),
            _ => Err(RowError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[])),
        }
    }

    fn check_unique(
        &self,
        table: &Table,
        row: &Row,
        body: &Fields,
        me: Option<RecordId>,
    ) -> Result<(), RowError> {
        for name in body.keys() {
            let Some(index) = table.def.field_index(name).filter(|index| table.def.fields()[*index].unique)
            else {
                continue;
            };
            let Some(text) = row.stored(index).as_str() else { continue };
            let taken = table
                .find_key(index, text)
                .iter()
                .find(|id| Some(**id) != me && table.newest(id).is_some_and(|row| !row.is_deleted()));
            if let Some(id) = taken {
                return Err(RowError::duplicate(&table.def.fields()[index].name, *id));
            }
        }
        Ok(())
    }
}

fn check_writable(field: &FieldDef, create: bool) -> Result<(), RowError> {
    if field.field_type == FieldType::Id {
        let message = "The Id field should not be specified in the sobject data.";
        return Err(RowError::new("INVALID_FIELD", message, &["Id"]));
    }
    if if create { field.createable } else { field.updateable } {
        return Ok(());
    }
    let message = format!(
        "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
         read/write for your profile or permission set.",
        field.name
    );
    Err(RowError::new("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[&field.name]))
}

fn missing_fields(table: &Table, row: &Row) -> Result<(), RowError> {
    let missing: Vec<&str> = table
        .def
        .visible_fields()
        .filter(|(index, field)| !field.nillable && field.createable && row.stored(*index).is_null())
        .map(|(_, field)| &*field.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(RowError::new("REQUIRED_FIELD_MISSING", message, &missing))
}

/// The text of an automatic number.
pub(super) fn auto_number(n: u64) -> Value {
    Value::text(format!("{n:08}"))
}

/// A case is dated when its status closes it, and loses the date when it is opened again.
fn set_closed_date(table: &Table, row: &mut Row, body: &Fields) {
    let given = |name: &str| body.keys().any(|key| key.eq_ignore_ascii_case(name));
    if &*table.def.name != "Case" || !given("Status") || given("ClosedDate") {
        return;
    }
    let (Some(status), Some(closed)) = (table.def.field_index("Status"), table.def.field_index("ClosedDate"))
    else {
        return;
    };
    if row.stored(status).as_str() != Some(CASE_CLOSED) {
        row.set(closed, Value::Null);
    } else if row.stored(closed).is_null() {
        row.set(closed, Value::DateTime(row.stamp()));
    }
}

/// A stage brings its probability along unless the caller gives one.
fn set_probability(table: &Table, row: &mut Row, body: &Fields) {
    let given = |name: &str| body.keys().any(|key| key.eq_ignore_ascii_case(name));
    if !given("StageName") || given("Probability") {
        return;
    }
    let (Some(stage), Some(probability)) =
        (table.def.field_index("StageName"), table.def.field_index("Probability"))
    else {
        return;
    };
    let stage = row.stored(stage).as_str().unwrap_or("");
    if let Some((_, percent)) = PROBABILITY_OF_STAGE.iter().find(|(name, _)| *name == stage) {
        row.set(probability, Value::Double(*percent));
    }
}
