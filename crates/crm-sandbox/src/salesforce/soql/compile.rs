//! Conditions to [`Node`]s: field rules, and literals that have to suit their field.

use std::ops::Range;

use super::super::model::{FieldType, RecordId};
use super::ast::{CompareOp, Expr, Literal, Path};
use super::column::{Reader, Resolved, Scope};
use super::dates::DAY_MS;
use super::error::SoqlError;
use super::fold::folded;
use super::plan::semi_join;
use super::predicate::{Node, Set, Test};

pub(super) fn compile(scope: Scope<'_>, reader: Reader<'_>, expr: &Expr) -> Result<Node, SoqlError> {
    let all =
        |list: &[Expr]| list.iter().map(|one| compile(scope, reader, one)).collect::<Result<Vec<_>, _>>();
    let filter = |path: &Path| filterable(scope, path);
    Ok(match expr {
        Expr::And(list) => Node::All(all(list)?),
        Expr::Or(list) => Node::Any(all(list)?),
        Expr::Not(inner) => Node::Not(Box::new(compile(scope, reader, inner)?)),
        Expr::Compare(path, op, literal) => compare(filter(path)?, *op, literal, reader)?,
        Expr::Like(path, pattern) => {
            let field = filter(path)?;
            if !field.field_type.is_text() || field.field_type == FieldType::MultiPicklist {
                return Err(operator(&field));
            }
            let pattern = if field.fold { pattern.folded() } else { pattern.clone() };
            Node::Test(field.column, Test::Like(pattern, field.fold))
        }
        Expr::In { path, negated, set } => negate(in_list(filter(path)?, set, reader)?, *negated),
        Expr::SemiJoin { path, negated, query } => {
            let field = filter(path)?;
            if !is_id(field.field_type) {
                return Err(SoqlError::malformed(format!(
                    "a semi-join needs an id or a reference on its left: {}",
                    field.name
                )));
            }
            let ids = semi_join(reader, query)?;
            negate(Node::Test(field.column, Test::In(Set::Ids(ids), false)), *negated)
        }
        Expr::Includes { path, negated, values } => {
            let field = filter(path)?;
            if field.field_type != FieldType::MultiPicklist {
                return Err(operator(&field));
            }
            let parts = |value: &String| value.split(';').map(|part| folded(part, true)).collect();
            let sets = values.iter().map(parts).collect();
            negate(Node::Test(field.column, Test::Includes(sets)), *negated)
        }
    })
}

fn filterable(scope: Scope<'_>, path: &Path) -> Result<Resolved, SoqlError> {
    let field = scope.resolve(path)?;
    let compound = matches!(
        field.field_type,
        FieldType::Address | FieldType::Location | FieldType::Base64 | FieldType::AnyType
    );
    if !field.filterable || compound {
        return Err(SoqlError::field(format!("field '{}' can not be filtered in a query call", field.name)));
    }
    Ok(field)
}

fn compare(field: Resolved, op: CompareOp, literal: &Literal, reader: Reader<'_>) -> Result<Node, SoqlError> {
    let ordered = match field.field_type {
        FieldType::Boolean | FieldType::MultiPicklist => false,
        _ => *literal != Literal::Null,
    };
    if !ordered && !op.is_equality() {
        return Err(operator(&field));
    }
    let test = match operand(&field, literal, reader)? {
        // Ordering against empty text is how clients ask for everything, page by page.
        Operand::Null if !op.is_equality() && is_id(field.field_type) => Test::Id(op, RecordId::MIN),
        Operand::Null if !op.is_equality() => Test::Text(op, String::new(), field.fold),
        Operand::Null => return Ok(negate(Node::Test(field.column, Test::Null), op == CompareOp::Ne)),
        Operand::Bool(value) => Test::Bool(value == (op == CompareOp::Eq)),
        Operand::Number(number) => Test::Number(op, number),
        Operand::Text(text) => Test::Text(op, text, field.fold),
        Operand::Id(id) => Test::Id(op, id),
        Operand::Time(range) => Test::Time(op, range),
    };
    Ok(Node::Test(field.column, test))
}

fn in_list(field: Resolved, literals: &[Literal], reader: Reader<'_>) -> Result<Node, SoqlError> {
    let mut nulls = false;
    let (mut numbers, mut texts, mut ids, mut times, mut bools) = (vec![], vec![], vec![], vec![], vec![]);
    for literal in literals {
        match operand(&field, literal, reader)? {
            Operand::Null => nulls = true,
            Operand::Bool(value) => bools.push(value),
            // Adding zero turns a negative zero into a positive one, so that a total order finds it.
            Operand::Number(number) => numbers.push(number + 0.0),
            Operand::Text(text) => texts.push(text),
            Operand::Id(id) => ids.push(id),
            Operand::Time(range) => times.push(range),
        }
    }
    let set = match field.field_type {
        FieldType::Boolean => Set::Bools(bools),
        FieldType::Date | FieldType::DateTime => Set::Times(times),
        kind if is_id(kind) => {
            ids.sort_unstable();
            ids.dedup();
            Set::Ids(ids)
        }
        kind if is_number(kind) => {
            numbers.sort_unstable_by(f64::total_cmp);
            Set::Numbers(numbers)
        }
        _ => {
            texts.sort_unstable();
            Set::Texts(texts, field.fold)
        }
    };
    Ok(Node::Test(field.column, Test::In(set, nulls)))
}

enum Operand {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    Id(RecordId),
    Time(Range<i64>),
}

/// The literal as the field's type reads it.
fn operand(field: &Resolved, literal: &Literal, reader: Reader<'_>) -> Result<Operand, SoqlError> {
    let kind = field.field_type;
    Ok(match (kind, literal) {
        // A boolean is never null: asking for null asks for false.
        (FieldType::Boolean, Literal::Null) => Operand::Bool(false),
        (_, Literal::Null) => Operand::Null,
        (FieldType::Boolean, Literal::Bool(value)) => Operand::Bool(*value),
        (FieldType::Date, Literal::Date(day)) => Operand::Time(*day..*day + 1),
        (FieldType::Date, Literal::Named(name)) => Operand::Time(name.days(reader.now.div_euclid(DAY_MS))),
        (FieldType::DateTime, Literal::DateTime(at)) => Operand::Time(*at..*at + 1),
        (FieldType::DateTime, Literal::Named(name)) => {
            let days = name.days(reader.now.div_euclid(DAY_MS));
            Operand::Time(days.start.saturating_mul(DAY_MS)..days.end.saturating_mul(DAY_MS))
        }
        (FieldType::Int | FieldType::Long, Literal::Number(number, true)) => Operand::Number(*number),
        (kind, Literal::Number(number, _)) if kind.is_decimal() => Operand::Number(*number),
        (kind, Literal::Str(text)) if (is_id(kind) || kind.is_text()) && text.is_empty() => Operand::Null,
        (kind, Literal::Str(text)) if is_id(kind) => {
            Operand::Id(RecordId::parse(text).ok_or_else(|| SoqlError::id(text))?)
        }
        (kind, Literal::Str(text)) if kind.is_text() => Operand::Text(folded(text, field.fold)),
        _ => {
            let quotes = if is_id(kind) || kind.is_text() { "" } else { "not " };
            return Err(SoqlError::field(format!(
                "value of filter criterion for field '{}' must be of type {} and should {quotes}be enclosed in quotes",
                field.name,
                soql_name(kind)
            )));
        }
    })
}

pub(super) fn is_id(kind: FieldType) -> bool {
    matches!(kind, FieldType::Id | FieldType::Reference)
}

pub(super) fn is_number(kind: FieldType) -> bool {
    kind.is_decimal() || matches!(kind, FieldType::Int | FieldType::Long)
}

/// The spelling of a type in messages, where datetimes are camel-cased.
fn soql_name(kind: FieldType) -> &'static str {
    if kind == FieldType::DateTime { "dateTime" } else { kind.as_str() }
}

fn operator(field: &Resolved) -> SoqlError {
    SoqlError::field(format!("invalid operator on {} field: {}", field.field_type.as_str(), field.name))
}

fn negate(node: Node, negated: bool) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}
