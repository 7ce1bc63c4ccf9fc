//! `LIKE` patterns: `%` for any run, `_` for one character, `\%` and `\_` for themselves.

use super::fold::Folding;

/// A parsed pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Piece {
    Char(char),
    One,
    Run,
}

impl Pattern {
    pub(super) fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// The same pattern in the folded form that [`matches`](Self::matches) needs when it ignores case.
    pub(super) fn folded(&self) -> Self {
        let fold = |piece: &Piece| -> Vec<Piece> {
            match piece {
                Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
                other => vec![*other],
            }
        };
        Self(self.0.iter().flat_map(fold).collect())
    }

    /// Whether the whole text fits. With `fold` the pattern has to be [`folded`](Self::folded).
    pub(super) fn matches(&self, text: &str, fold: bool) -> bool {
        let mut rest = Folding::new(text, fold);
        let mut at = 0;
        // Where to go on when a later piece fails: the piece after the last run, and the text
        // that run has not swallowed yet.
        let mut retry: Option<(usize, Folding<'_>)> = None;
        loop {
            let before = rest.clone();
            let fits = match (self.0.get(at), rest.next()) {
                (Some(Piece::Run), _) => {
                    at += 1;
                    rest = before.clone();
                    retry = Some((at, before));
                    continue;
                }
                (None, None) => return true,
                (Some(_), None) => return false,
                (None, Some(_)) => false,
                (Some(Piece::One), Some(_)) => true,
                (Some(Piece::Char(wanted)), Some(found)) => *wanted == found,
            };
            if fits {
                at += 1;
                continue;
            }
            let Some((resume, mut swallowed)) = retry.take() else { return false };
            if swallowed.next().is_none() {
                return false;
            }
            at = resume;
            rest = swallowed.clone();
            retry = Some((resume, swallowed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::literal::pattern;

    fn like(raw: &str, text: &str) -> bool {
        pattern(raw).unwrap().folded().matches(text, true)
    }

    #[test]
    fn wildcards_match_runs_and_single_characters() {
        let fits = [
            ("Ac%", "acme"),
            ("%me", "Acme"),
            ("A_me", "ACME"),
            ("%", ""),
            ("%a%b%", "xxaxxbxx"),
            ("a%b%c", "abbbcbc"),
            ("_%_", "ab"),
            ("", ""),
            ("É%", "état"),
            (r"100\%", "100%"),
            (r"a\_b", "a_b"),
            (r"a\\%", r"a\bc"),
            ("%%x", "x"),
            ("İ%", "i\u{307}x"),
        ];
        for (raw, text) in fits {
            assert!(like(raw, text), "{text:?} LIKE {raw:?}");
        }
        let misses = [
            ("Ac%", "bac"),
            ("%me", "mex"),
            ("A_me", "Ame"),
            ("", "a"),
            ("_%_", "a"),
            (r"100\%", "100x"),
            (r"a\_b", "axb"),
            ("%a%b%", "ba"),
            ("_", ""),
        ];
        for (raw, text) in misses {
            assert!(!like(raw, text), "{text:?} LIKE {raw:?}");
        }
    }

    #[test]
    fn case_sensitive_fields_match_exactly() {
        let exact = pattern("Ab%").unwrap();
        assert!(exact.matches("Abc", false));
        assert!(!exact.matches("abc", false));
    }
}
