//! Calculated properties: computed from the present state when read, so they change without moving a stamp.

use std::borrow::Cow;

use super::account::Account;
use super::associations::Pair;
use super::property::Formula;
use super::table::Row;

impl Account {
    pub(super) fn calculate<'a>(
        &'a self,
        object: usize,
        id: u64,
        row: &Row,
        formula: &Formula,
    ) -> Option<Cow<'a, str>> {
        match formula {
            Formula::Count(other) => {
                let count = self.linked(object, id, other)?.count();
                (count > 0).then(|| count.to_string().into())
            }
            Formula::Sum { object: other, property } => self.sum(object, id, other, property).map(Cow::Owned),
            Formula::FromPrimary { object: other, property } => {
                let primary = self.primary(object, id, other)?;
                let table = &self.tables[self.object(other)?];
                table.live_row(primary)?.stored(table.def.slot(property)?).map(Cow::Borrowed)
            }
            Formula::PrimaryId(other) => self.primary(object, id, other).map(|id| id.to_string().into()),
            Formula::Projected => self.projected(object, row).map(Cow::Owned),
            Formula::Probability => self.chance(object, row).map(|chance| chance.to_owned().into()),
            Formula::IsClosed => Some(truth(self.stage_says(object, row, "isClosed", "true"))),
            Formula::IsWon => {
                let won = self.stage_says(object, row, "isClosed", "true")
                    && self.stage_says(object, row, "probability", "1.0");
                Some(truth(won))
            }
        }
    }

    fn linked(&self, object: usize, id: u64, other: &str) -> Option<impl Iterator<Item = u64>> {
        let to = self.object(other)?;
        let rows = self.links.of(Pair { from: object, to }, id).map(|(id, _)| id);
        Some(rows.filter(move |id| self.tables[to].live_row(*id).is_some()))
    }

    fn primary(&self, object: usize, id: u64, other: &str) -> Option<u64> {
        let to = self.object(other)?;
        let primary = self.links.primary_of(Pair { from: object, to }, id)?;
        self.tables[to].live_row(primary).map(|_| primary)
    }

    fn sum(&self, object: usize, id: u64, other: &str, property: &str) -> Option<String> {
        let table = &self.tables[self.object(other)?];
        let slot = table.def.slot(property)?;
        let number = |id| table.live_row(id)?.stored(slot)?.parse::<f64>().ok();
        let numbers: Vec<f64> = self.linked(object, id, other)?.filter_map(number).collect();
        let total: f64 = numbers.iter().sum();
        (!numbers.is_empty() && total.is_finite()).then(|| cents(total))
    }

    fn projected(&self, object: usize, row: &Row) -> Option<String> {
        let def = &self.tables[object].def;
        let amount: f64 = row.stored(def.slot("amount")?)?.parse().ok()?;
        let chance: f64 = self.chance(object, row)?.parse().ok()?;
        let projected = amount * chance;
        projected.is_finite().then(|| cents(projected))
    }

    fn chance(&self, object: usize, row: &Row) -> Option<&str> {
        let slot = self.tables[object].def.slot("dealstage")?;
        self.stage(object, row.stored(slot)?)?.meta("probability")
    }

    fn stage_says(&self, object: usize, row: &Row, key: &str, value: &str) -> bool {
        let slot = self.tables[object].def.slot("dealstage");
        let stage = slot.and_then(|slot| row.stored(slot)).and_then(|id| self.stage(object, id));
        stage.and_then(|stage| stage.meta(key)) == Some(value)
    }
}

/// Rounded to two places, without trailing zeros.
fn cents(number: f64) -> String {
    format!("{}", (number * 100.0).round() / 100.0)
}

fn truth(yes: bool) -> Cow<'static, str> {
    Cow::Borrowed(if yes { "true" } else { "false" })
}
