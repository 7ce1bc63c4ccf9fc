//! The `WHERE` clause. AND, OR and NOT never mix without parentheses.

use super::super::ast::{CompareOp, Expr, Path, SelectItem};
use super::super::error::SoqlError;
use super::super::lexer::Kind;
use super::{Parser, literal};

impl Parser<'_> {
    /// Conditions joined by one kind of operator. A second kind is left for the caller to stumble over.
    pub(super) fn condition(&mut self) -> Result<Expr, SoqlError> {
        if self.eat("NOT") {
            // NOT takes exactly one operand, and stands alone between its parentheses.
            return Ok(Expr::Not(Box::new(self.operand()?)));
        }
        let first = self.operand()?;
        let word = if self.peek().is("AND") {
            "AND"
        } else if self.peek().is("OR") {
            "OR"
        } else {
            return Ok(first);
        };
        let mut all = vec![first];
        while self.eat(word) {
            all.push(self.operand()?);
        }
        Ok(if word == "AND" { Expr::And(all) } else { Expr::Or(all) })
    }

    fn operand(&mut self) -> Result<Expr, SoqlError> {
        if self.eat_kind(Kind::Open) {
            let inner = self.nested(Self::condition)?;
            self.expect(Kind::Close)?;
            return Ok(inner);
        }
        if self.peek().is("NOT") {
            return Err(SoqlError::unexpected("NOT"));
        }
        let path = self.path()?;
        let token = self.next();
        if let Kind::Compare(op) = token.kind {
            return Ok(Expr::Compare(path, op, self.literal()?));
        }
        let negated = token.is("NOT");
        if negated {
            self.keyword("IN")?;
        }
        if negated || token.is("IN") {
            return self.set(path, negated);
        }
        if token.is("LIKE") {
            let value = self.next();
            if value.kind != Kind::Str {
                return Err(SoqlError::unexpected(value.text));
            }
            return literal::pattern(value.text).map(|pattern| Expr::Like(path, pattern));
        }
        if token.is("INCLUDES") || token.is("EXCLUDES") {
            return self.includes(path, token.is("EXCLUDES"));
        }
        Err(SoqlError::unexpected(token.text))
    }

    fn set(&mut self, path: Path, negated: bool) -> Result<Expr, SoqlError> {
        self.expect(Kind::Open)?;
        if self.peek().is("SELECT") {
            let query = self.nested(Self::query)?;
            self.expect(Kind::Close)?;
            let [SelectItem::Field(_, None)] = query.select.as_slice() else {
                return Err(SoqlError::malformed("a semi-join selects exactly one field"));
            };
            if !query.order_by.is_empty() || query.limit.is_some() || query.offset.is_some() {
                return Err(SoqlError::malformed("a semi-join takes no ORDER BY, LIMIT or OFFSET"));
            }
            return Ok(Expr::SemiJoin { path, negated, query: Box::new(query) });
        }
        let mut set = vec![self.literal()?];
        while self.eat_kind(Kind::Comma) {
            set.push(self.literal()?);
        }
        self.expect(Kind::Close)?;
        Ok(Expr::In { path, negated, set })
    }

    fn includes(&mut self, path: Path, negated: bool) -> Result<Expr, SoqlError> {
        self.expect(Kind::Open)?;
        let mut values = Vec::new();
        loop {
            let token = self.next();
            if token.kind != Kind::Str {
                return Err(SoqlError::unexpected(token.text));
            }
            values.push(literal::string(token.text)?);
            if !self.eat_kind(Kind::Comma) {
                break;
            }
        }
        self.expect(Kind::Close)?;
        Ok(Expr::Includes { path, negated, values })
    }
}

impl CompareOp {
    /// Applies the operator to the way the left side orders against the right one.
    pub(in super::super) fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}
