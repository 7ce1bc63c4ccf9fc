//! The map shows the country: paths that docs/architecture.md names exist.

use super::Tree;

const MAP: &str = "docs/architecture.md";
/// A map that takes longer to read is not read.
const MAP_LINES: usize = 500;
/// A span that starts like this is a path of the repository.
const TOPS: &[&str] = &["crates/", "docs/", "migrations/", "tests/", "xtask/", ".ci/", ".cargo/", ".config/"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(map) = tree.get(MAP) else { return vec![format!("{MAP} is missing")] };
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(map.text.lines()) {
        for path in spans(line).chain(links(line)) {
            if !tree.exists(&path) {
                findings.push(format!("{MAP}:{number}: there is no {path}"));
            }
        }
    }
    let lines = map.text.lines().count();
    if lines > MAP_LINES {
        findings.push(format!("{MAP}: {lines} lines, at most {MAP_LINES}"));
    }
    findings
}

/// Paths between backticks; patterns such as `crates/*` are not paths.
fn spans(line: &str) -> impl Iterator<Item = String> + '_ {
    let spans = line.split('`').skip(1).step_by(2);
    let paths = spans.filter(|span| TOPS.iter().any(|top| span.starts_with(top)));
    paths.filter(|span| !span.contains(['*', '{', '<', '…', ' '])).map(str::to_owned)
}

/// Targets of links into the repository, as seen from the root.
fn links(line: &str) -> impl Iterator<Item = String> + '_ {
    let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let local = targets.filter(|target| !target.contains("://") && !target.starts_with(['#', '<']));
    local.filter_map(|target| {
        let path = target.split('#').next()?;
        Some(path.strip_prefix("../").map_or_else(|| format!("docs/{path}"), str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn named_paths_must_exist() {
        let map = "See `crates/a`, `crates/b/src/`, `crates/*`, `cargo xtask`,\n[c](decisions/0001-c.md#why) and [d](../README.md), [e](https://e.test/x).\n";
        let found = check(&tree(&[(MAP, map), ("crates/a/Cargo.toml", ""), ("README.md", "")]));
        assert_eq!(
            found,
            [
                "docs/architecture.md:1: there is no crates/b/src/",
                "docs/architecture.md:2: there is no docs/decisions/0001-c.md"
            ]
        );
    }

    #[test]
    fn name_of_a_file_is_not_the_start_of_another() {
        let found = check(&tree(&[(MAP, "`crates/a`\n"), ("crates/ab/Cargo.toml", "")]));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn missing_map_is_found() {
        assert_eq!(check(&tree(&[])), ["docs/architecture.md is missing"]);
    }
}
