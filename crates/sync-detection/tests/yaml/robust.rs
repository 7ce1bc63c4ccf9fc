//! Whatever a file holds: nothing panics, and what is refused is refused with a place in it.

use proptest::prelude::*;
use proptest::sample::Index;

use crate::{OPPORTUNITY, parse};

/// A text is read, or told about with places that exist.
fn is_read_or_told(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = parse(text) else { return Ok(()) };
    prop_assert!(!problems.list().is_empty());
    let lines: Vec<&str> = text.lines().collect();
    for problem in problems.list() {
        prop_assert!((1..=lines.len().max(1)).contains(&problem.line), "{problem:?}");
        let width = lines.get(problem.line - 1).map_or(0, |line| line.chars().count());
        prop_assert!((1..=width + 1).contains(&problem.column), "{problem:?} in a line of {width}");
        prop_assert!(problem.length >= 1);
        // What the types refuse has to have been found before, with its place.
        prop_assert!(!problem.message.starts_with("the file can't be read"), "{problem:?}");
    }
    prop_assert!(problems.to_string().contains("mistake"));
    Ok(())
}

/// Words that occur in such files, and characters that mean something in YAML.
const PIECES: &[&str] = &[
    "entity",
    "fields",
    "detection",
    "poll",
    "cursor",
    "kind",
    "mapping",
    "transform",
    "map",
    "default",
    "trim",
    "true",
    "null",
    "no",
    "0",
    "1e9",
    "0x1F",
    ".nan",
    "2026-03-01",
    "%d.%m.%Y",
    "\"",
    "'",
    ": ",
    ":",
    "- ",
    "-",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "|",
    ">",
    "#",
    "?",
    "%",
    "---\n",
    "...\n",
    "\n",
    "\n  ",
    "\n    ",
    "\t",
    "\r\n",
    "\u{feff}",
    "\u{0}",
    "é",
    "\u{1f600}",
    "\u{2028}",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// A change of the good file.
#[derive(Clone, Debug)]
enum Edit {
    Remove(Index, usize),
    Insert(Index, String),
    Swap(Index, Index),
    DropLine(Index),
    DoubleLine(Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), 1_usize..12).prop_map(|(at, n)| Edit::Remove(at, n)),
        (any::<Index>(), pieces()).prop_map(|(at, text)| Edit::Insert(at, text)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Edit::Swap(a, b)),
        any::<Index>().prop_map(Edit::DropLine),
        any::<Index>().prop_map(Edit::DoubleLine),
    ]
}

fn edited(text: &str, edit: &Edit) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if chars.is_empty() {
        return String::new();
    }
    match edit {
        Edit::Remove(at, n) => {
            let at = at.index(chars.len());
            chars.drain(at..(at + n).min(chars.len()));
        }
        Edit::Insert(at, piece) => {
            let at = at.index(chars.len());
            chars.splice(at..at, piece.chars());
        }
        Edit::Swap(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            return lines.concat();
        }
        Edit::DropLine(at) => {
            lines.remove(at.index(lines.len()));
            return lines.concat();
        }
        Edit::DoubleLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at]);
            return lines.concat();
        }
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_told(text in any::<String>()) {
        is_read_or_told(&text)?;
    }

    #[test]
    fn any_pieces_are_read_or_told(text in pieces()) {
        is_read_or_told(&text)?;
    }

    #[test]
    fn edited_files_are_read_or_told(edits in prop::collection::vec(edit(), 1..6)) {
        let text = edits.iter().fold(OPPORTUNITY.to_owned(), |text, edit| edited(&text, edit));
        is_read_or_told(&text)?;
    }

    /// A value put in place of another: what is read has to fit the types, or be told with a place of its own.
    #[test]
    fn replaced_values_are_read_or_told(at in any::<Index>(), value in prop::sample::select(PIECES)) {
        let colons: Vec<usize> = OPPORTUNITY.match_indices(": ").map(|(at, _)| at + 2).collect();
        let start = colons[at.index(colons.len())];
        let end = OPPORTUNITY[start..].find([',', '\n', ' ']).map_or(OPPORTUNITY.len(), |n| start + n);
        is_read_or_told(&format!("{}{value}{}", &OPPORTUNITY[..start], &OPPORTUNITY[end..]))?;
    }
}
