//! What no text file may contain, and what some must start with.

use super::{TextFile, Tree};

/// Macros that mean "not done". clippy knows them too, but not behind a feature that it did not see.
const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];
/// Folders of somebody's machine.
const MACHINE: [&str; 3] = ["work", "root", "home"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        lines(file, &mut findings);
        if must_say_what_it_proves(file) && !file.text.starts_with("//!") {
            findings.push(format!("{}: must start with a `//!` line that says what it is for", file.path));
        }
    }
    findings
}

fn lines(file: &TextFile, findings: &mut Vec<String>) {
    let styled = is_styled(&file.path) && !file.is_input();
    for (number, line) in (1..).zip(file.text.lines()) {
        let mut found = |what: &str| findings.push(format!("{}:{number}: {what}", file.path));
        if styled && line.contains('\t') {
            found("a tab; use blanks");
        }
        if styled && line.ends_with([' ', '\t', '\r']) {
            found("blanks at the end of the line");
        }
        if file.is_rust() && !file.is_input() && is_unfinished(line) {
            found("an unfinished place");
        }
        if let Some(folder) = machine_path(line) {
            found(&format!("a path of one machine (/{folder}/…); make it relative, or a variable"));
        }
    }
    if styled && !file.text.is_empty() && !file.text.ends_with('\n') {
        findings.push(format!("{}: no line end at the end of the file", file.path));
    }
}

fn is_styled(path: &str) -> bool {
    [".rs", ".toml", ".md", ".yaml", ".yml", ".sql", ".sh"].iter().any(|end| path.ends_with(end))
        || path == ".ci/run"
}

fn must_say_what_it_proves(file: &TextFile) -> bool {
    let in_tests = file.path.starts_with("crates/") && file.path.contains("/tests/");
    file.is_rust()
        && !file.is_input()
        && (in_tests || file.path.starts_with("xtask/src/") || file.path.starts_with("tests/"))
}

fn is_unfinished(line: &str) -> bool {
    let code = line.trim_start();
    // In a comment or a string it is only talked about.
    !code.starts_with("//")
        && UNFINISHED.iter().any(|name| {
            code.match_indices(name).any(|(at, _)| {
                let before = code[..at].chars().next_back();
                let after = code[at + name.len()..].chars().next();
                matches!(after, Some('(' | '[' | '{'))
                    && !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '"')
            })
        })
}

/// The folder, when the line holds an absolute path into one of [`MACHINE`].
fn machine_path(line: &str) -> Option<&'static str> {
    MACHINE.into_iter().find(|folder| {
        line.match_indices(&format!("/{folder}/")).any(|(at, _)| {
            // Not the middle of a longer path or of an address.
            let before = line[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || "_-.}/*".contains(c))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn clean_file_has_no_findings() {
        let text = format!("//! Proves nothing.\n// {}() is only talked about\nfn a() {{}}\n", UNFINISHED[0]);
        assert_eq!(check(&tree(&[("crates/a/tests/a.rs", &text)])), Vec::<String>::new());
    }

    #[test]
    fn whitespace_is_found_with_its_line() {
        let found = check(&tree(&[("a.md", "one\ntwo \n\tthree")]));
        assert_eq!(
            found,
            [
                "a.md:2: blanks at the end of the line",
                "a.md:3: a tab; use blanks",
                "a.md: no line end at the end of the file"
            ]
        );
    }

    #[test]
    fn unfinished_places_are_found() {
        for name in UNFINISHED {
            assert!(is_unfinished(&format!("    let x = {name}(y);")), "{name}");
        }
        assert!(!is_unfinished("    my_todo!(y);"));
        assert!(!is_unfinished(&format!("    // {}(y)", UNFINISHED[0])));
    }

    #[test]
    fn machine_paths_are_found_and_addresses_are_not() {
        for folder in MACHINE {
            assert_eq!(machine_path(&format!("see `/{folder}/me/file`")), Some(folder));
            assert_eq!(machine_path(&format!("https://host/{folder}/file")), None);
            assert_eq!(machine_path(&format!("crates/{folder}/file")), None);
        }
    }

    #[test]
    fn test_file_must_say_what_it_proves() {
        let found =
            check(&tree(&[("crates/a/tests/a.rs", "fn a() {}\n"), ("crates/a/src/a.rs", "fn a() {}\n")]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/a/tests/a.rs: must start"), "{found:?}");
    }

    #[test]
    fn compile_fail_cases_are_left_alone() {
        assert!(check(&tree(&[("crates/a/tests/ui/a.rs", "fn a() {} ")])).is_empty());
    }
}
