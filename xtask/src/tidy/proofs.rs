//! docs/security.md names the test that answers each threat: each of them exists, and is a test.
//!
//! A span such as `crates/a/tests/b.rs#name` means the test `name` of that file, or the contract case.

use super::{TextFile, Tree};

const LIST: &str = "docs/security.md";
/// Functions in here are cases of contract suites, which a macro turns into tests.
const CASES: &str = "crates/sync-core/src/contract";

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(list) = tree.get(LIST) else { return vec![format!("{LIST} is missing")] };
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(list.text.lines()) {
        let named: Vec<(&str, &str)> =
            line.split('`').skip(1).step_by(2).filter_map(|span| span.split_once('#')).collect();
        for (path, name) in &named {
            match tree.get(path) {
                None => findings.push(format!("{LIST}:{number}: there is no {path}")),
                Some(file) if !holds(file, name) => {
                    findings.push(format!("{LIST}:{number}: {path} has no test {name}"));
                }
                Some(_) => {}
            }
        }
        let is_entry = line.starts_with('|') && !line.starts_with("|---") && !line.starts_with("| what |");
        if is_entry && named.is_empty() {
            findings.push(format!("{LIST}:{number}: an entry without a test"));
        }
    }
    findings
}

/// Whether the file has a test of this name: a function below an attribute that says so, one within a macro that makes
/// tests (`proptest!`, `on_stores!`), or a contract case.
fn holds(file: &TextFile, name: &str) -> bool {
    let mut is_test = file.path.starts_with(CASES);
    for line in file.text.lines().map(str::trim) {
        let words = line.split_once("fn ").map(|(_, rest)| rest);
        let is_it = words
            .is_some_and(|rest| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<'])));
        if is_it && (is_test || file.path.starts_with(CASES)) {
            return true;
        }
        if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else if !line.starts_with("//") && !line.is_empty() {
            is_test = file.path.starts_with(CASES);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    const TESTS: &str = "#[test]\nfn is_there() {}\n\nfn helper() {}\n\n#[tokio::test(start_paused = true)]\n/// So.\nasync fn waits() {}\n";

    fn found(entry: &str) -> Vec<String> {
        let list = format!("| what | done | shown by |\n|---|---|---|\n| a | b | {entry} |\n");
        check(&tree(&[(LIST, &list), ("crates/a/tests/b.rs", TESTS)]))
    }

    #[test]
    fn named_tests_must_exist_and_be_tests() {
        for there in ["is_there", "waits"] {
            assert_eq!(found(&format!("`crates/a/tests/b.rs#{there}`")), Vec::<String>::new());
        }
        for gone in ["is_ther", "helper", "gone"] {
            let expected = format!("{LIST}:3: crates/a/tests/b.rs has no test {gone}");
            assert_eq!(found(&format!("`crates/a/tests/b.rs#{gone}`")), [expected]);
        }
        assert_eq!(found("`crates/c.rs#x`"), [format!("{LIST}:3: there is no crates/c.rs")]);
        assert_eq!(found("nothing"), [format!("{LIST}:3: an entry without a test")]);
    }

    #[test]
    fn missing_list_is_found() {
        assert_eq!(check(&tree(&[])), ["docs/security.md is missing"]);
    }
}
