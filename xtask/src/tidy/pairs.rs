//! Every promise has a test: the ids `R1`–`R20` of a run's contract and the `INV-…` ids written at the
//! ports must each head the doc comment of a test or of a contract case.
//!
//! ```text
//! /// R4, R10: a record that can't be applied is set aside; its neighbours land.
//! #[tokio::test]
//! async fn bad_record_does_not_hold_back_its_neighbours() {
//! ```

use std::collections::BTreeSet;

use super::{TextFile, Tree};

/// The contract of a run has this many rules.
const RULES: u32 = 20;
const PORTS: &str = "crates/sync-core/src/port";
const CASES: &str = "crates/sync-core/src/contract";

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let tested: BTreeSet<String> = tree.rust().filter(|file| holds_tests(file)).flat_map(heads).collect();
    let rules = (1..=RULES).map(|number| (format!("R{number}"), "the contract of a run".to_owned()));
    let invariants = tree.rust().filter(|file| file.path.starts_with(PORTS)).flat_map(|file| {
        let docs = file.text.lines().map(str::trim).filter(|line| line.starts_with("//"));
        let ids: BTreeSet<_> = docs.flat_map(words).filter(|word| is_invariant(word)).collect();
        ids.into_iter().map(|id| (id.to_owned(), file.path.clone()))
    });
    let untested = rules.chain(invariants).filter(|(id, _)| !tested.contains(id));
    untested
        .map(|(id, place)| format!("{id} ({place}) has no test whose doc comment starts with it"))
        .collect()
}

fn holds_tests(file: &TextFile) -> bool {
    let path = &file.path;
    path.starts_with("tests/")
        || (path.starts_with("crates/") && (path.contains("/src/") || path.contains("/tests/")))
}

/// The ids that head doc comments of tests in this file.
fn heads(file: &TextFile) -> Vec<String> {
    let mut ids = Vec::new();
    let mut docs: Vec<&str> = Vec::new();
    let mut is_test = false;
    let mut open_attribute = false;
    for line in file.text.lines().map(str::trim) {
        if open_attribute {
            open_attribute = !line.ends_with(']');
        } else if let Some(doc) = line.strip_prefix("///") {
            docs.push(doc.trim());
        } else if line.starts_with("#[") {
            is_test |= is_test_attribute(line);
            open_attribute = !line.ends_with(']');
        } else {
            if is_function(line) && (is_test || file.path.starts_with(CASES)) {
                ids.extend(docs.iter().flat_map(|doc| ids_at_the_head(doc)));
            }
            docs.clear();
            is_test = false;
        }
    }
    ids
}

fn is_test_attribute(line: &str) -> bool {
    let name = line.trim_start_matches("#[").split(['(', ']', ' ']).next().unwrap_or_default();
    name.rsplit("::").next() == Some("test")
}

fn is_function(line: &str) -> bool {
    line.starts_with("fn ")
        || ["async fn ", "pub fn ", "pub async fn ", "pub(crate) fn ", "pub(crate) async fn "]
            .iter()
            .any(|start| line.starts_with(start))
}

/// The ids before the first colon, if there is nothing else before it.
fn ids_at_the_head(doc: &str) -> Vec<String> {
    let Some((head, _)) = doc.split_once(':') else { return Vec::new() };
    let parts: Vec<_> = head.split([',', ' ']).filter(|part| !part.is_empty() && *part != "and").collect();
    let all_ids = parts.iter().all(|part| is_rule(part) || is_invariant(part));
    if all_ids { parts.into_iter().map(str::to_owned).collect() } else { Vec::new() }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| !word.is_empty())
}

fn is_rule(word: &str) -> bool {
    let number = word.strip_prefix('R').and_then(|digits| digits.parse().ok());
    number.is_some_and(|number: u32| (1..=RULES).contains(&number))
}

fn is_invariant(word: &str) -> bool {
    let Some((topic, number)) = word.strip_prefix("INV-").and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let is_all = |text: &str, of: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| of(&byte));
    is_all(topic, u8::is_ascii_uppercase) && is_all(number, u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn ids(path: &str, text: &str) -> Vec<String> {
        heads(&tree(&[(path, text)]).files[0])
    }

    #[test]
    fn heads_of_tests_are_read() {
        let text = "
            /// R4, R10 and INV-CUR-1: a fact.
            ///
            /// More of it: R11 is not at the head, but
            /// R12: this line is.
            #[tokio::test(
                flavor = \"multi_thread\"
            )]
            #[cfg(unix)]
            async fn fact() {
            /// R1: not a test.
            fn helper() {
            #[test]
            /// R2: docs below the attribute.
            fn other() {";
        assert_eq!(ids("crates/a/src/a.rs", text), ["R4", "R10", "INV-CUR-1", "R12", "R2"]);
    }

    #[test]
    fn contract_cases_count_without_an_attribute() {
        let case = "/// INV-CUR-2: a fact.\npub async fn fact<F: Fixture>(f: F) {";
        assert_eq!(ids("crates/sync-core/src/contract/cursors.rs", case), ["INV-CUR-2"]);
        assert!(ids("crates/sync-core/src/engine/mod.rs", case).is_empty());
    }

    #[test]
    fn unpaired_ids_are_found() {
        let all: String =
            (1..RULES).map(|n| format!("/// R{n}: fact.\n#[test]\nfn fact_{n}() {{}}\n")).collect();
        let port = "/// - **INV-LEA-1** A promise.\n/// - **INV-LEA-2** Another.\ntrait Leases {}\n";
        let found = check(&tree(&[
            ("tests/e2e/parity.rs", &all),
            ("crates/sync-core/src/port/leases.rs", port),
            ("crates/a/tests/contract.rs", "/// INV-LEA-2: kept.\n#[test]\nfn kept() {}\n"),
        ]));
        assert_eq!(
            found,
            [
                "R20 (the contract of a run) has no test whose doc comment starts with it",
                "INV-LEA-1 (crates/sync-core/src/port/leases.rs) has no test whose doc comment starts with it"
            ]
        );
    }

    #[test]
    fn ids_outside_the_contract_are_not_rules() {
        assert!(is_rule("R20") && !is_rule("R21") && !is_rule("R0") && !is_rule("Rust"));
        assert!(is_invariant("INV-CUR-12") && !is_invariant("INV-CUR") && !is_invariant("INV-cur-1"));
    }
}
