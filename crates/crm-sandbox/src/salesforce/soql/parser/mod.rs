//! Text to [`Query`]. Every refusal is MALFORMED_QUERY, apart from an OFFSET out of range.

mod filter;
pub(super) mod literal;
mod select;

use super::ast::{OrderKey, OrderTarget, Path, Query, SelectItem};
use super::error::SoqlError;
use super::lexer::{Kind, Token, tokens};

/// How deep parentheses may nest. Far above what the provider takes, and far below what a stack holds.
const MAX_DEPTH: usize = 50;
/// Largest `OFFSET` (provider limit).
const MAX_OFFSET: u64 = 2_000;

/// Words that end a clause, so they are never an alias.
const RESERVED: [&str; 26] = [
    "AND", "AS", "ASC", "DESC", "EXCLUDES", "FIRST", "FOR", "FROM", "GROUP", "HAVING", "IN", "INCLUDES",
    "LAST", "LIKE", "LIMIT", "NOT", "NULL", "NULLS", "OFFSET", "OR", "ORDER", "SELECT", "UPDATE", "USING",
    "WHERE", "WITH",
];

/// Parses one query.
///
/// # Errors
/// [`SoqlError`] with `MALFORMED_QUERY`, or `NUMBER_OUTSIDE_VALID_RANGE` for an offset over 2,000.
pub fn parse(text: &str) -> Result<Query, SoqlError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    let query = parser.query()?;
    let rest = parser.peek();
    if rest.kind == Kind::End { Ok(query) } else { Err(SoqlError::unexpected(rest.text)) }
}

struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// A whole query; the caller decides what may follow it.
    fn query(&mut self) -> Result<Query, SoqlError> {
        self.keyword("SELECT")?;
        let select = self.select_list()?;
        self.keyword("FROM")?;
        let object = self.name()?;
        let alias = self.alias()?;
        let filter = if self.eat("WHERE") { Some(self.condition()?) } else { None };
        let group_by = self.group_by()?;
        let order_by = self.order_by()?;
        let limit = if self.eat("LIMIT") { Some(self.count()?) } else { None };
        let offset = if self.eat("OFFSET") { Some(self.count()?) } else { None };
        if let Some(asked) = offset.filter(|asked| *asked > MAX_OFFSET) {
            return Err(SoqlError::offset(asked));
        }
        let query = Query { select, object, alias, filter, group_by, order_by, limit, offset };
        check(&query)?;
        Ok(query)
    }

    fn group_by(&mut self) -> Result<Vec<Path>, SoqlError> {
        let mut paths = Vec::new();
        if self.eat("GROUP") {
            self.keyword("BY")?;
            paths.push(self.path()?);
            while self.eat_kind(Kind::Comma) {
                paths.push(self.path()?);
            }
        }
        Ok(paths)
    }

    fn order_by(&mut self) -> Result<Vec<OrderKey>, SoqlError> {
        let mut keys = Vec::new();
        if self.eat("ORDER") {
            self.keyword("BY")?;
            keys.push(self.order_key()?);
            while self.eat_kind(Kind::Comma) {
                keys.push(self.order_key()?);
            }
        }
        Ok(keys)
    }

    fn order_key(&mut self) -> Result<OrderKey, SoqlError> {
        let target = match self.select_item()? {
            SelectItem::Field(path, None) => OrderTarget::Field(path),
            SelectItem::Aggregate(function, path, None) => OrderTarget::Aggregate(function, path),
            _ => return Err(SoqlError::unexpected(self.peek().text)),
        };
        let descending = !self.eat("ASC") && self.eat("DESC");
        let mut nulls_last = false;
        if self.eat("NULLS") {
            nulls_last = self.eat("LAST");
            if !nulls_last {
                self.keyword("FIRST")?;
            }
        }
        Ok(OrderKey { target, descending, nulls_last })
    }

    /// A dotted name.
    fn path(&mut self) -> Result<Path, SoqlError> {
        let mut parts = vec![self.name()?];
        while self.eat_kind(Kind::Dot) {
            parts.push(self.name()?);
        }
        Ok(Path(parts))
    }

    fn name(&mut self) -> Result<String, SoqlError> {
        let token = self.next();
        let keyword = ["SELECT", "FROM", "WHERE", "NULL"].iter().any(|word| token.is(word));
        if token.kind == Kind::Word && !keyword {
            Ok(token.text.to_owned())
        } else {
            Err(SoqlError::unexpected(token.text))
        }
    }

    fn alias(&mut self) -> Result<Option<String>, SoqlError> {
        if self.eat("AS") {
            return self.name().map(Some);
        }
        let token = self.peek();
        if token.kind != Kind::Word || RESERVED.iter().any(|word| token.is(word)) {
            return Ok(None);
        }
        self.name().map(Some)
    }

    fn count(&mut self) -> Result<u64, SoqlError> {
        let token = self.next();
        token
            .text
            .parse()
            .ok()
            .filter(|_| token.kind == Kind::Number)
            .ok_or_else(|| SoqlError::unexpected(token.text))
    }

    /// Runs `inner` one level deeper, and refuses what would nest too far.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, SoqlError>) -> Result<T, SoqlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SoqlError::malformed("the query nests too many parentheses"));
        }
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> Token<'a> {
        self.tokens.get(self.at + ahead).copied().unwrap_or(Token { kind: Kind::End, text: "<EOF>" })
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn eat(&mut self, keyword: &str) -> bool {
        let found = self.peek().is(keyword);
        self.at += usize::from(found);
        found
    }

    fn eat_kind(&mut self, kind: Kind) -> bool {
        let found = self.peek().kind == kind;
        self.at += usize::from(found);
        found
    }

    fn keyword(&mut self, keyword: &str) -> Result<(), SoqlError> {
        if self.eat(keyword) { Ok(()) } else { Err(SoqlError::unexpected(self.peek().text)) }
    }

    fn expect(&mut self, kind: Kind) -> Result<(), SoqlError> {
        if self.eat_kind(kind) { Ok(()) } else { Err(SoqlError::unexpected(self.peek().text)) }
    }
}

/// Rules between the clauses of one query.
fn check(query: &Query) -> Result<(), SoqlError> {
    let aggregates = query.select.iter().any(|item| matches!(item, SelectItem::Aggregate(..)));
    let grouped = aggregates || !query.group_by.is_empty();
    let bare_count = query.select.iter().any(|item| matches!(item, SelectItem::Aggregate(_, None, _)));
    if bare_count && (query.select.len() > 1 || !query.group_by.is_empty()) {
        return Err(SoqlError::malformed("COUNT() must be the only element in the SELECT list."));
    }
    if bare_count && !query.order_by.is_empty() {
        return Err(SoqlError::malformed("ordering is not allowed in a COUNT() query"));
    }
    for item in &query.select {
        match item {
            SelectItem::Field(_, Some(_)) if !grouped => {
                return Err(SoqlError::malformed("only aggregate expressions use field aliasing"));
            }
            SelectItem::Field(path, _) if grouped => grouped_field(query, path)?,
            SelectItem::Fields(_) | SelectItem::Children(_) if grouped => {
                return Err(SoqlError::malformed("FIELDS() and subqueries can't be grouped"));
            }
            _ => {}
        }
    }
    for key in &query.order_by {
        match &key.target {
            OrderTarget::Field(path) if grouped => grouped_field(query, path)?,
            OrderTarget::Aggregate(..) if !grouped => {
                return Err(SoqlError::malformed("ordering by an aggregate needs a grouped query"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A field beside aggregates has to be one of the grouping fields.
fn grouped_field(query: &Query, path: &Path) -> Result<(), SoqlError> {
    let text = path.text();
    if query.group_by.iter().any(|group| group.text().eq_ignore_ascii_case(&text)) {
        return Ok(());
    }
    Err(SoqlError::malformed(format!("Field must be grouped or aggregated: {text}")))
}
