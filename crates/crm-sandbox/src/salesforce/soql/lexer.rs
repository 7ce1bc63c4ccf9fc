//! Text to tokens. Strings keep their escapes here: only the parser knows whether `\%` is allowed.

use super::ast::CompareOp;
use super::error::SoqlError;

/// Longest query text, in characters (provider limit).
const MAX_TEXT: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A quoted string; the token's text is what stands between the quotes.
    Str,
    /// A number, date or datetime, told apart by the parser.
    Number,
    Open,
    Close,
    Comma,
    Dot,
    Colon,
    Compare(CompareOp),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
}

impl Token<'_> {
    /// Whether this is the given keyword, in any case.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }
}

/// Splits the text; the last token is always [`Kind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, SoqlError> {
    if text.len() > MAX_TEXT && text.chars().count() > MAX_TEXT {
        return Err(SoqlError::malformed("SOQL statements cannot be longer than 100000 characters."));
    }
    let mut lexer = Lexer { text, at: 0 };
    let mut out = Vec::new();
    loop {
        let token = lexer.next()?;
        out.push(token);
        if token.kind == Kind::End {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Token<'a>, SoqlError> {
        self.take_while(|b| b.is_ascii_whitespace());
        let start = self.at;
        let Some(first) = self.peek(0) else { return Ok(Token { kind: Kind::End, text: "<EOF>" }) };
        let kind = match first {
            b'\'' => return self.string(),
            b'(' => self.one(Kind::Open),
            b')' => self.one(Kind::Close),
            b',' => self.one(Kind::Comma),
            b':' => self.one(Kind::Colon),
            b'=' => self.one(Kind::Compare(CompareOp::Eq)),
            b'<' => match self.peek(1) {
                Some(b'=') => self.two(CompareOp::Le),
                Some(b'>') => self.two(CompareOp::Ne),
                _ => self.one(Kind::Compare(CompareOp::Lt)),
            },
            b'>' if self.peek(1) == Some(b'=') => self.two(CompareOp::Ge),
            b'>' => self.one(Kind::Compare(CompareOp::Gt)),
            b'!' if self.peek(1) == Some(b'=') => self.two(CompareOp::Ne),
            b'.' if !self.peek(1).is_some_and(|b| b.is_ascii_digit()) => self.one(Kind::Dot),
            b'+' | b'-' | b'.' | b'0'..=b'9' => {
                self.at += 1;
                self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b':' | b'+' | b'-'));
                Kind::Number
            }
            b if b.is_ascii_alphabetic() || b == b'_' => {
                self.take_while(|b| b.is_ascii_alphanumeric() || b == b'_');
                Kind::Word
            }
            _ => {
                let odd = self.text[start..].chars().next().unwrap_or_default();
                return Err(SoqlError::unexpected(odd.encode_utf8(&mut [0; 4])));
            }
        };
        Ok(Token { kind, text: &self.text[start..self.at] })
    }

    fn string(&mut self) -> Result<Token<'a>, SoqlError> {
        let start = self.at + 1;
        self.at = start;
        // Quote and backslash are ASCII, so looking at bytes never splits a character.
        loop {
            match self.peek(0) {
                None => return Err(SoqlError::malformed("mismatched character '<EOF>' expecting '''")),
                Some(b'\\') => self.at += 2,
                Some(b'\'') => break,
                Some(_) => self.at += 1,
            }
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        Ok(Token { kind: Kind::Str, text })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn two(&mut self, op: CompareOp) -> Kind {
        self.at += 2;
        Kind::Compare(op)
    }

    fn take_while(&mut self, mut wanted: impl FnMut(u8) -> bool) {
        while self.peek(0).is_some_and(&mut wanted) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        tokens(text).unwrap().into_iter().map(|t| (t.kind, t.text)).collect()
    }

    #[test]
    fn words_dots_and_numbers_are_told_apart() {
        use Kind::{Compare, Dot, End, Number, Word};
        assert_eq!(
            kinds("a.b >= -1.5e+3"),
            [
                (Word, "a"),
                (Dot, "."),
                (Word, "b"),
                (Compare(CompareOp::Ge), ">="),
                (Number, "-1.5e+3"),
                (End, "<EOF>")
            ]
        );
    }

    #[test]
    fn an_escaped_quote_does_not_end_a_string() {
        assert_eq!(kinds(r"'it\'s \\' x")[..2], [(Kind::Str, r"it\'s \\"), (Kind::Word, "x")]);
    }

    #[test]
    fn open_strings_and_odd_characters_are_malformed() {
        for text in ["'abc", r"'abc\", r"'abc\'", "a ; b", "a & b", "é", "!x", "\"a\"", "a\u{2028}b"] {
            assert_eq!(tokens(text).unwrap_err().code, "MALFORMED_QUERY", "{text}");
        }
    }

    #[test]
    fn the_text_limit_counts_characters() {
        let query = |n: usize| format!("'{}'", "é".repeat(n - 2));
        assert!(tokens(&query(100_000)).is_ok());
        assert!(tokens(&query(100_001)).is_err());
    }
}
