//! `COUNT`, `MIN`, `MAX`, `SUM` and `AVG`, over everything or by group.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use super::super::model::{FieldType, Row, Table, Value};
use super::ast::{Aggregate, OrderTarget, Path, Query, SelectItem};
use super::column::{Reader, Resolved, Scope};
use super::compile::is_number;
use super::error::SoqlError;
use super::order::{Direction, Sortable};
use super::plan::Plan;
use super::projection::key;

/// Groups, with the values of the `SELECT` list in its order.
#[derive(Debug)]
pub(super) struct Groups {
    /// Quoted names and colons.
    pub(super) keys: Vec<Box<[u8]>>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// Where an output or a sort key comes from.
#[derive(Clone, Copy)]
enum Source {
    Group(usize),
    Total(usize),
}

/// A query's grouping, compiled.
struct Grouping {
    by: Vec<Resolved>,
    totals: Vec<(Aggregate, Option<Resolved>)>,
}

impl Grouping {
    fn total(
        &mut self,
        scope: Scope<'_>,
        function: Aggregate,
        path: Option<&Path>,
    ) -> Result<Source, SoqlError> {
        let field = path.map(|path| scope.resolve(path)).transpose()?;
        if let Some(field) = &field {
            let fits = match function {
                Aggregate::Sum | Aggregate::Avg => is_number(field.field_type),
                Aggregate::Min | Aggregate::Max => {
                    field.sortable && !matches!(field.field_type, FieldType::Boolean | FieldType::Id)
                }
                Aggregate::Count | Aggregate::CountDistinct => field.filterable,
            };
            if !fits {
                return Err(SoqlError::malformed(format!(
                    "field {} does not support aggregate operator {}",
                    field.name,
                    name(function)
                )));
            }
        }
        self.totals.push((function, field));
        Ok(Source::Total(self.totals.len() - 1))
    }

    fn group(&self, scope: Scope<'_>, path: &Path) -> Result<Source, SoqlError> {
        let column = scope.resolve(path)?.column;
        let at = self.by.iter().position(|field| field.column == column);
        at.map(Source::Group).ok_or_else(|| {
            SoqlError::malformed(format!("Field must be grouped or aggregated: {}", path.text()))
        })
    }
}

/// Runs an aggregate query.
pub(super) fn group(
    scope: Scope<'_>,
    reader: Reader<'_>,
    query: &Query,
    plan: &Plan,
) -> Result<Groups, SoqlError> {
    let by = query.group_by.iter().map(|path| groupable(scope, path)).collect::<Result<_, _>>()?;
    let mut grouping = Grouping { by, totals: Vec::new() };
    let (mut keys, mut outputs, mut unnamed) = (Vec::new(), Vec::new(), 0);
    for item in &query.select {
        let (source, name) = match item {
            SelectItem::Field(path, alias) => {
                let source = grouping.group(scope, path)?;
                (
                    source,
                    alias.clone().unwrap_or_else(|| {
                        scope.resolve(path).map_or_else(|_| path.text(), |f| f.name.into())
                    }),
                )
            }
            SelectItem::Aggregate(function, path, alias) => {
                let source = grouping.total(scope, *function, path.as_ref())?;
                let name = alias.clone().unwrap_or_else(|| {
                    unnamed += 1;
                    format!("expr{}", unnamed - 1)
                });
                (source, name)
            }
            SelectItem::Fields(_) | SelectItem::Children(_) => {
                return Err(SoqlError::malformed("FIELDS() and subqueries can't be grouped"));
            }
        };
        keys.push(key(&name).into());
        outputs.push(source);
    }
    let mut order = Vec::new();
    for sort in &query.order_by {
        let source = match &sort.target {
            OrderTarget::Field(path) => grouping.group(scope, path)?,
            OrderTarget::Aggregate(function, path) => grouping.total(scope, *function, path.as_ref())?,
        };
        order.push((source, Direction::of(sort)));
    }
    let mut groups = collect(&grouping, scope.table(), reader, plan);
    groups.sort_by(|left, right| {
        let value = |group: &Group, source| Sortable::of(&group.value(&grouping, source), true);
        order
            .iter()
            .map(|(source, direction)| direction.compare(&value(left, *source), &value(right, *source)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    });
    let finish = |group: Group| outputs.iter().map(|source| group.value(&grouping, *source)).collect();
    Ok(Groups { keys, rows: plan.cut(groups).into_iter().map(finish).collect() })
}

fn groupable(scope: Scope<'_>, path: &Path) -> Result<Resolved, SoqlError> {
    let field = scope.resolve(path)?;
    let kind = field.field_type;
    let continuous = kind.is_decimal() || kind == FieldType::DateTime;
    if continuous || !field.sortable || matches!(kind, FieldType::MultiPicklist | FieldType::Address) {
        return Err(SoqlError::malformed(format!(
            "field '{}' can not be grouped in a query call",
            field.name
        )));
    }
    Ok(field)
}

/// One group while rows are added to it.
struct Group {
    by: Vec<Value>,
    totals: Vec<Total>,
}

#[derive(Default)]
struct Total {
    count: i64,
    sum: f64,
    least: Option<(Sortable, Value)>,
    most: Option<(Sortable, Value)>,
    distinct: HashSet<Vec<u8>>,
}

impl Group {
    fn value(&self, grouping: &Grouping, source: Source) -> Value {
        let index = match source {
            Source::Group(index) => return self.by[index].clone(),
            Source::Total(index) => index,
        };
        let (function, field) = &grouping.totals[index];
        let total = &self.totals[index];
        let whole = field.as_ref().is_some_and(|field| !field.field_type.is_decimal());
        let found =
            |best: &Option<(Sortable, Value)>| best.as_ref().map_or(Value::Null, |(_, value)| value.clone());
        match function {
            Aggregate::Count => Value::Int(total.count),
            Aggregate::CountDistinct => Value::Int(i64::try_from(total.distinct.len()).unwrap_or(i64::MAX)),
            Aggregate::Min => found(&total.least),
            Aggregate::Max => found(&total.most),
            Aggregate::Sum | Aggregate::Avg if total.count == 0 => Value::Null,
            #[expect(clippy::cast_possible_truncation, reason = "a sum of whole numbers is whole")]
            Aggregate::Sum if whole => Value::Int(total.sum as i64),
            Aggregate::Sum => Value::Double(total.sum),
            #[expect(clippy::cast_precision_loss, reason = "an average is not exact either way")]
            Aggregate::Avg => Value::Double(total.sum / total.count as f64),
        }
    }
}

impl Total {
    fn add(&mut self, function: Aggregate, field: Option<&Resolved>, value: &Value) {
        let Some(field) = field else {
            self.count += 1;
            return;
        };
        if value.is_null() {
            return;
        }
        self.count += 1;
        match function {
            Aggregate::Count => {}
            Aggregate::CountDistinct => {
                let mut key = Vec::new();
                identity(value, field.fold, &mut key);
                self.distinct.insert(key);
            }
            Aggregate::Sum | Aggregate::Avg => self.sum += value.as_f64().unwrap_or(0.0),
            Aggregate::Min => keep(&mut self.least, Ordering::Less, value, field.fold),
            Aggregate::Max => keep(&mut self.most, Ordering::Greater, value, field.fold),
        }
    }
}

/// Replaces the best value so far when `value` lies on the wanted side of it.
fn keep(best: &mut Option<(Sortable, Value)>, wanted: Ordering, value: &Value, fold: bool) {
    let sortable = Sortable::of(value, fold);
    let direction = Direction { descending: false, nulls_last: false };
    if best.as_ref().is_none_or(|(current, _)| direction.compare(&sortable, current) == wanted) {
        *best = Some((sortable, value.clone()));
    }
}

fn collect(grouping: &Grouping, table: &Table, reader: Reader<'_>, plan: &Plan) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
    let new = |by| Group { by, totals: grouping.totals.iter().map(|_| Total::default()).collect() };
    if grouping.by.is_empty() {
        // Totals over nothing are still one record.
        groups.push(new(Vec::new()));
        by_key.insert(Vec::new(), 0);
    }
    let mut key = Vec::new();
    for (_, row) in plan.matching(reader).rev() {
        key.clear();
        for field in &grouping.by {
            identity(&field.column.read(reader, table, row), field.fold, &mut key);
        }
        let at = by_key.get(&key).copied().unwrap_or_else(|| {
            let by = grouping.by.iter().map(|field| field.column.read(reader, table, row).into_owned());
            groups.push(new(by.collect()));
            by_key.insert(key.clone(), groups.len() - 1);
            groups.len() - 1
        });
        add(&mut groups[at], grouping, table, reader, row);
    }
    groups
}

fn add(group: &mut Group, grouping: &Grouping, table: &Table, reader: Reader<'_>, row: &Row) {
    for ((function, field), total) in grouping.totals.iter().zip(&mut group.totals) {
        let value =
            field.as_ref().map_or(Cow::Borrowed(&Value::Null), |field| field.column.read(reader, table, row));
        total.add(*function, field.as_ref(), &value);
    }
}

/// Bytes that are the same for values that count as the same.
fn identity(value: &Value, fold: bool, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) if fold => Value::Text(text.to_lowercase().into()).write_json(out),
        other => other.write_json(out),
    }
    out.push(0);
}

fn name(function: Aggregate) -> &'static str {
    match function {
        Aggregate::Count => "COUNT",
        Aggregate::CountDistinct => "COUNT_DISTINCT",
        Aggregate::Min => "MIN",
        Aggregate::Max => "MAX",
        Aggregate::Sum => "SUM",
        Aggregate::Avg => "AVG",
    }
}
