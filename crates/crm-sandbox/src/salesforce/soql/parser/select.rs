//! The `SELECT` list.

use super::super::ast::{Aggregate, FieldsKind, SelectItem};
use super::super::error::SoqlError;
use super::super::lexer::Kind;
use super::Parser;

impl Parser<'_> {
    pub(super) fn select_list(&mut self) -> Result<Vec<SelectItem>, SoqlError> {
        let mut items = Vec::new();
        loop {
            let mut item = self.select_item()?;
            if let SelectItem::Field(_, alias) | SelectItem::Aggregate(_, _, alias) = &mut item {
                *alias = self.alias()?;
            }
            items.push(item);
            if !self.eat_kind(Kind::Comma) {
                return Ok(items);
            }
        }
    }

    /// One element, without its alias.
    pub(super) fn select_item(&mut self) -> Result<SelectItem, SoqlError> {
        let first = self.peek();
        if first.kind == Kind::Open {
            return self.children();
        }
        if first.is("TYPEOF") && self.peek_at(1).kind == Kind::Word {
            return Err(SoqlError::malformed("TYPEOF is not supported by this org"));
        }
        if self.peek_at(1).kind != Kind::Open {
            return Ok(SelectItem::Field(self.path()?, None));
        }
        let name = self.name()?;
        self.expect(Kind::Open)?;
        let item = if name.eq_ignore_ascii_case("FIELDS") {
            SelectItem::Fields(self.fields_kind()?)
        } else {
            let function = aggregate(&name)
                .ok_or_else(|| SoqlError::malformed(format!("unknown or unsupported function: {name}")))?;
            let bare = function == Aggregate::Count && self.peek().kind == Kind::Close;
            let argument = if bare { None } else { Some(self.path()?) };
            SelectItem::Aggregate(function, argument, None)
        };
        self.expect(Kind::Close)?;
        Ok(item)
    }

    fn children(&mut self) -> Result<SelectItem, SoqlError> {
        self.expect(Kind::Open)?;
        if self.depth > 0 {
            return Err(SoqlError::malformed("a subquery can't hold another subquery"));
        }
        let query = self.nested(Self::query)?;
        self.expect(Kind::Close)?;
        let grouped = !query.group_by.is_empty()
            || query.select.iter().any(|item| matches!(item, SelectItem::Aggregate(..)));
        if grouped {
            return Err(SoqlError::malformed("Only root queries support aggregate expressions"));
        }
        Ok(SelectItem::Children(Box::new(query)))
    }

    fn fields_kind(&mut self) -> Result<FieldsKind, SoqlError> {
        let token = self.next();
        [("ALL", FieldsKind::All), ("STANDARD", FieldsKind::Standard), ("CUSTOM", FieldsKind::Custom)]
            .into_iter()
            .find(|(name, _)| token.is(name))
            .map(|(_, kind)| kind)
            .ok_or_else(|| SoqlError::unexpected(token.text))
    }
}

fn aggregate(name: &str) -> Option<Aggregate> {
    Some(match name.to_ascii_uppercase().as_str() {
        "COUNT" => Aggregate::Count,
        "COUNT_DISTINCT" => Aggregate::CountDistinct,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        "SUM" => Aggregate::Sum,
        "AVG" => Aggregate::Avg,
        _ => return None,
    })
}
