//! Files stay short: a long one is several ideas in one place.

use super::{TextFile, Tree};

/// Lines of a source file, its inline test modules not counted.
const FILE: usize = 500;
/// Lines of a `lib.rs` that are neither blank nor comment: it is docs, modules and exports.
const LIB: usize = 140;

/// Files that may be longer, each with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "crates/sync-core/src/contract/macros.rs",
        "lists the cases of every suite, one a line, and checks that none is left out",
    ),
    ("crates/sync-postgres/tests/tenants.rs", "one proof, table by table, that reads in one go"),
];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let lines = lines_without_tests(&file.text);
        let excepted = EXCEPTIONS.iter().any(|(path, _)| *path == file.path);
        if lines.len() > FILE && !excepted {
            findings.push(format!(
                "{}: {} lines without tests, at most {FILE}; split it, or list it in xtask/src/tidy/sizes.rs \
                 with a reason",
                file.path,
                lines.len()
            ));
        }
        if excepted && lines.len() <= FILE {
            findings.push(format!("{}: short enough now, take it off the list of exceptions", file.path));
        }
        if is_lib(file) {
            let code = lines.iter().filter(|line| is_code(line)).count();
            if code > LIB {
                findings.push(format!(
                    "{}: {code} lines of code, at most {LIB}; a lib.rs is docs, modules and exports",
                    file.path
                ));
            }
        }
    }
    findings
}

fn is_lib(file: &TextFile) -> bool {
    file.path.ends_with("src/lib.rs")
}

fn is_code(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

/// Leaves out `#[cfg(test)] mod … { … }` at the top level. rustfmt puts its end at the line's start.
pub(super) fn lines_without_tests(text: &str) -> Vec<&str> {
    let all: Vec<&str> = text.lines().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        if let Some(end) = test_module_end(&all, at) {
            at = end + 1;
        } else {
            kept.push(all[at]);
            at += 1;
        }
    }
    kept
}

/// The last line of the inline test module that starts at `start`, if one does.
fn test_module_end(lines: &[&str], start: usize) -> Option<usize> {
    if lines[start] != "#[cfg(test)]" {
        return None;
    }
    let head = (start + 1..lines.len()).find(|&at| !lines[at].starts_with("#["))?;
    let is_inline = lines[head].contains("mod ") && lines[head].ends_with('{');
    is_inline.then(|| (head..lines.len()).find(|&at| lines[at] == "}"))?
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    #[test]
    fn inline_tests_do_not_count() {
        let text =
            "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n";
        assert_eq!(lines_without_tests(text), ["fn a() {}", "fn c() {}"]);
        let elsewhere = "#[cfg(test)]\nmod tests;\nfn a() {}";
        assert_eq!(lines_without_tests(elsewhere).len(), 3);
    }

    #[test]
    fn long_file_is_found_and_long_tests_are_not() {
        let long = "fn a() {}\n".repeat(FILE + 1);
        let tested = format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "    // x\n".repeat(FILE));
        let found = check(&tree(&[("a.rs", &long), ("b.rs", &tested), ("c.md", &long)]));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs: 501 lines"), "{found:?}");
    }

    #[test]
    fn lib_may_be_long_in_docs_only() {
        let docs = "//! words\n".repeat(LIB * 2);
        assert!(check(&tree(&[("crates/x/src/lib.rs", &docs)])).is_empty());
        let code = "pub use a::b;\n".repeat(LIB + 1);
        assert_eq!(check(&tree(&[("crates/x/src/lib.rs", &code)])).len(), 1);
    }
}
