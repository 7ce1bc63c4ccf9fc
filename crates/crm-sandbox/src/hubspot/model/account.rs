//! The account: everything the simulated customer has.

use std::borrow::Cow;

use super::associations::Associations;
use super::people::{Owner, Pipeline, Stage};
use super::property::{PropertyDef, Source};
use super::table::{Row, Table};
use super::{ObjectDef, Pair, time};
use crate::clock::SimClock;
use crate::hubspot::settings::HubspotSettings;
use crate::hubspot::write::{Events, Guards};

/// A simulated account. Tests read it through the methods below; it is changed through the control handle.
pub struct Account {
    pub(crate) clock: SimClock,
    pub(crate) seed: u64,
    pub(crate) portal_id: u64,
    pub(crate) tables: Vec<Table>,
    pub(crate) links: Associations,
    pub(crate) owners: Vec<Owner>,
    /// By object, in order.
    pub(crate) pipelines: Vec<(usize, Vec<Pipeline>)>,
    /// What refuses API writes besides the values themselves, and what follows them.
    pub(crate) guards: Guards,
    /// What happened and was not sent to subscribers yet.
    pub(crate) events: Events,
    /// A copy of the settings, for what writes depend on.
    pub(crate) rules: HubspotSettings,
    /// Moves with every change; what was computed from an older one is stale.
    pub(crate) generation: u64,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("portal_id", &self.portal_id).finish_non_exhaustive()
    }
}

/// Reading.
impl Account {
    /// The account's id.
    #[must_use]
    pub fn portal_id(&self) -> u64 {
        self.portal_id
    }

    /// All objects.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectDef> {
        self.tables.iter().map(|table| &table.def)
    }

    /// An object by any of its names.
    #[must_use]
    pub fn object_def(&self, name: &str) -> Option<&ObjectDef> {
        self.object(name).map(|object| &self.tables[object].def)
    }

    /// Live rows by id, or archived ones, as they are at this moment. Nothing for an unknown object.
    pub fn rows(&self, object: &str, archived: bool) -> impl Iterator<Item = (u64, &Row)> {
        let table = self.object(object).map(|object| &self.tables[object]);
        table.into_iter().flat_map(move |table| table.list(archived, ..))
    }

    /// A row, live or archived, under its own id.
    #[must_use]
    pub fn row(&self, object: &str, id: u64) -> Option<&Row> {
        self.tables[self.object(object)?].row(id)
    }

    /// A value as it goes over the wire; nothing when it is unset or there is no such property.
    #[must_use]
    pub fn value(&self, object: &str, id: u64, property: &str) -> Option<String> {
        let object = self.object(object)?;
        let table = &self.tables[object];
        let property = table.def.property(property).filter(|property| !property.archived)?;
        self.value_of(object, id, table.row(id)?, property).map(Cow::into_owned)
    }

    /// Associations of live rows from one object to another: from, to, sorted labels (none when there is no label).
    #[must_use]
    pub fn associations(&self, from: &str, to: &str) -> Vec<(u64, u64, Vec<String>)> {
        let (Some(from), Some(to)) = (self.object(from), self.object(to)) else { return Vec::new() };
        let pair = Pair { from, to };
        let live = |object: usize, id: u64| self.tables[object].live_row(id).is_some();
        let all = self.links.all(pair).filter(|(one, other, _)| live(from, *one) && live(to, *other));
        all.map(|(one, other, types)| (one, other, self.labels(pair, types))).collect()
    }

    /// The same of one row, live itself: to, sorted labels.
    #[must_use]
    pub fn associations_of(&self, from: &str, id: u64, to: &str) -> Vec<(u64, Vec<String>)> {
        let (Some(from), Some(to)) = (self.object(from), self.object(to)) else { return Vec::new() };
        if self.tables[from].live_row(id).is_none() {
            return Vec::new();
        }
        let pair = Pair { from, to };
        let live = self.links.of(pair, id).filter(|(other, _)| self.tables[to].live_row(*other).is_some());
        live.map(|(other, types)| (other, self.labels(pair, types))).collect()
    }

    /// The labels of some association types, sorted.
    fn labels(&self, pair: Pair, types: &[u32]) -> Vec<String> {
        let mut labels: Vec<String> =
            types.iter().filter_map(|type_id| self.links.label(pair, *type_id)?.label.clone()).collect();
        labels.sort();
        labels
    }
}

impl Account {
    /// Where an object stands, by any of its names.
    pub(crate) fn object(&self, name: &str) -> Option<usize> {
        // The exact plural first: it is what nearly everybody asks for.
        let exact = self.tables.iter().position(|table| table.def.name == name);
        exact.or_else(|| self.tables.iter().position(|table| table.def.answers_to(name)))
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// A value of a given version of a row.
    pub(crate) fn value_of<'a>(
        &'a self,
        object: usize,
        id: u64,
        row: &'a Row,
        property: &PropertyDef,
    ) -> Option<Cow<'a, str>> {
        match &property.source {
            Source::Stored(slot) => row.stored(*slot).map(Cow::Borrowed),
            Source::Id => Some(id.to_string().into()),
            Source::Created => Some(time::iso(row.created_at).into()),
            Source::Modified => Some(time::iso(row.updated_at).into()),
            Source::MergedIds => {
                let ids: Vec<String> = row.merged.iter().map(u64::to_string).collect();
                (!ids.is_empty()).then(|| ids.join(";").into())
            }
            Source::Calculated(formula) => self.calculate(object, id, row, formula),
        }
    }

    pub(crate) fn pipelines_of(&self, object: usize) -> &[Pipeline] {
        self.pipelines.iter().find(|(owner, _)| *owner == object).map_or(&[], |(_, list)| list.as_slice())
    }

    /// A stage of any pipeline of an object.
    pub(crate) fn stage(&self, object: usize, id: &str) -> Option<&Stage> {
        self.pipelines_of(object).iter().flat_map(|pipeline| &pipeline.stages).find(|stage| stage.id == id)
    }
}
