//! Every crate has a README and takes its lints and versions from the workspace.

use super::{TextFile, Tree};

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| is_member(&file.path)) {
        let entries = entries(&file.text);
        if !entries.iter().any(|entry| entry.table == "lints" && from_workspace(&entry.text)) {
            findings.push(format!("{}: `[lints] workspace = true` is missing", file.path));
        }
        findings.extend(foreign(file, &entries));
        if let Some(folder) = file.path.strip_suffix("/Cargo.toml").filter(|path| path.starts_with("crates/"))
            && !tree.exists(&format!("{folder}/README.md"))
        {
            findings.push(format!("{folder}: has no README.md"));
        }
    }
    findings
}

fn is_member(path: &str) -> bool {
    let in_crates = path.starts_with("crates/") && path.split('/').count() == 3;
    (in_crates && path.ends_with("/Cargo.toml")) || path == "tests/Cargo.toml" || path == "xtask/Cargo.toml"
}

fn foreign<'a>(file: &'a TextFile, entries: &'a [Entry]) -> impl Iterator<Item = String> + 'a {
    let dependencies = entries.iter().filter(|entry| is_dependency_table(entry.table.as_str()));
    dependencies.filter(|entry| !from_workspace(&entry.text)).map(|entry| {
        format!(
            "{}:{}: `{}` is not taken from the workspace; move its version to the root Cargo.toml",
            file.path, entry.line, entry.name
        )
    })
}

/// One key of a table, or one `[dependencies.name]` table, as text.
#[derive(Debug)]
struct Entry {
    table: String,
    name: String,
    line: usize,
    text: String,
}

/// Reads as much TOML as manifests use: tables, keys, and values over several lines. A parser would
/// be one more crate for everybody's first build.
fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut table = String::new();
    let mut depth = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if depth > 0 {
            let Some(last) = entries.last_mut() else { continue };
            last.text.push_str(line);
            depth += opened(line);
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = name.trim_matches(['[', ']']).to_owned();
            if let Some((of, name)) = table.rsplit_once('.').filter(|(of, _)| is_dependency_table(of)) {
                entries.push(Entry {
                    table: of.into(),
                    name: name.into(),
                    line: number,
                    text: String::new(),
                });
            }
        } else if let Some(entry) =
            entries.last_mut().filter(|entry| table == format!("{}.{}", entry.table, entry.name))
        {
            entry.text.push_str(line);
            entry.text.push('\n');
            depth = opened(line);
        } else {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default().to_owned();
            entries.push(Entry { table: table.clone(), name, line: number, text: line.to_owned() });
            depth = opened(line);
        }
    }
    entries
}

fn is_dependency_table(table: &str) -> bool {
    let last = table.rsplit('.').next().unwrap_or_default();
    ["dependencies", "dev-dependencies", "build-dependencies"].contains(&last)
}

fn from_workspace(text: &str) -> bool {
    text.split_whitespace().collect::<String>().contains("workspace=true")
}

fn opened(line: &str) -> i32 {
    line.chars().map(|c| i32::from("[{".contains(c)) - i32::from("]}".contains(c))).sum()
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    const GOOD: &str = r#"
[package]
name = "a"
version.workspace = true
[lints]
workspace = true
[dependencies]
serde = { workspace = true }
tokio = { workspace = true, features = [
    "net", # for listeners
] }
url.workspace = true
[dev-dependencies.insta]
workspace = true
features = ["json"]
[target.'cfg(unix)'.dependencies]
rustix = { workspace = true, optional = true }
[features]
full = ["serde"]
"#;

    #[test]
    fn manifest_that_takes_all_from_the_workspace_is_fine() {
        let tree = tree(&[("crates/a/Cargo.toml", GOOD), ("crates/a/README.md", "")]);
        assert_eq!(check(&tree), Vec::<String>::new());
    }

    #[test]
    fn own_versions_are_found_in_every_form() {
        let text = "[lints]\nworkspace = true\n[dependencies]\nserde = \"1\"\n[dev-dependencies.insta]\nversion = \"1\"\n\
                    [target.'cfg(unix)'.build-dependencies]\ncc = { version = \"1\" }\n";
        let found = check(&tree(&[("tests/Cargo.toml", text)]));
        let names: Vec<_> = found.iter().filter_map(|text| text.split('`').nth(1)).collect();
        assert_eq!(names, ["serde", "insta", "cc"]);
        assert!(found[0].starts_with("tests/Cargo.toml:4: "), "{found:?}");
    }

    #[test]
    fn missing_readme_and_lints_are_found() {
        let found = check(&tree(&[("crates/a/Cargo.toml", "[package]\nname = \"a\"\n")]));
        assert_eq!(
            found,
            ["crates/a/Cargo.toml: `[lints] workspace = true` is missing", "crates/a: has no README.md"]
        );
    }

    #[test]
    fn root_manifest_and_fixtures_are_not_members() {
        assert!(check(&tree(&[("Cargo.toml", ""), ("crates/a/tests/fixture/Cargo.toml", "")])).is_empty());
    }
}
