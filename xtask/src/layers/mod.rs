//! `cargo xtask check-layers`: the arrows between crates, from `cargo metadata`.
//!
//! Normal dependencies are held to the table. Build and dev-dependencies are free, because tests may
//! reach across layers, except where the table says otherwise.

mod table;

use std::collections::{BTreeSet, HashMap, HashSet};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, PackageId};

use self::table::{covers, rule_for};
use crate::process;
use crate::workspace::Workspace;

/// `sync-core` with default features may bring this many crates at most, itself and the workspace's
/// own not counted: everybody who implements a port compiles them.
const CORE_LIMIT: usize = 37;

/// TLS is rustls with aws-lc everywhere; a second stack costs build time and doubles what to audit.
const BANNED: &[&str] = &["ring", "openssl", "openssl-sys", "native-tls"];

/// One crate of the workspace with its arrows.
#[derive(Debug, Default, Clone)]
struct Node {
    name: String,
    dependencies: Vec<Edge>,
    /// Every crate from outside that normal dependencies lead to.
    reaches: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Edge {
    to: String,
    dev: bool,
    optional: bool,
    in_workspace: bool,
}

/// Prints what was checked, or fails with every broken rule.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let nodes = nodes(&workspace.metadata)?;
    let mut problems = check(&nodes);

    let core = tree(workspace, &["-p", "sync-core"])?;
    let members: HashSet<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    let core = core.iter().filter(|name| !members.contains(name.as_str())).count();
    println!("sync-core brings {core} crates with default features (at most {CORE_LIMIT})");
    if core > CORE_LIMIT {
        problems.push(format!(
            "sync-core brings {core} crates, at most {CORE_LIMIT} allowed; see `cargo tree -p sync-core -e normal`"
        ));
    }
    let all = tree(workspace, &["--workspace"])?;
    problems.extend(BANNED.iter().filter(|name| all.contains(**name)).map(|name| {
        format!("`{name}` must not be used (design: rustls with aws-lc only); see `cargo tree -i {name}`")
    }));

    if !problems.is_empty() {
        bail!("{} broken layer rules:\n  {}", problems.len(), problems.join("\n  "));
    }
    println!("layers: {} crates keep to the table", nodes.len());
    Ok(())
}

/// Every broken rule, as a sentence.
fn check(nodes: &[Node]) -> Vec<String> {
    let mut problems = Vec::new();
    for node in nodes {
        let Some(rule) = rule_for(&node.name) else {
            problems.push(format!(
                "`{}` is not in the table of layers; add it to RULES in xtask/src/layers/table.rs",
                node.name
            ));
            continue;
        };
        let (name, why) = (&node.name, rule.why);
        for edge in &node.dependencies {
            let to = &edge.to;
            if edge.dev && !rule.dev_too {
                continue;
            }
            if edge.in_workspace {
                if covers(rule.may, to) || (edge.optional && covers(rule.may_behind_feature, to)) {
                    continue;
                }
                problems.push(if covers(rule.may_behind_feature, to) {
                    format!(
                        "{name} may depend on {to} only behind a feature: make it optional (design: {why})"
                    )
                } else {
                    let even = if edge.dev { ", not even in tests" } else { "" };
                    format!("{name} must not depend on {to}{even} (design: {why})")
                });
            } else if rule.never.contains(&to.as_str()) {
                problems.push(format!("{name} must not depend on {to} (design: {why})"));
            }
        }
        let direct = |name: &str| node.dependencies.iter().any(|edge| edge.to == name);
        for reached in rule.never.iter().filter(|never| node.reaches.contains(**never) && !direct(never)) {
            problems.push(format!("{name} must not reach {reached} through others (design: {why})"));
        }
    }
    problems
}

fn nodes(metadata: &Metadata) -> Result<Vec<Node>> {
    let members = metadata.workspace_packages();
    let is_member = |name: &str| members.iter().any(|package| *package.name == name);
    let nodes = members.iter().map(|package| {
        let edges = package.dependencies.iter().filter(|edge| edge.kind != DependencyKind::Build);
        let dependencies = edges.map(|edge| Edge {
            to: edge.name.clone(),
            dev: edge.kind == DependencyKind::Development,
            optional: edge.optional,
            in_workspace: is_member(&edge.name),
        });
        Ok(Node {
            name: package.name.to_string(),
            dependencies: dependencies.collect(),
            reaches: reaches(metadata, &package.id)?,
        })
    });
    nodes.collect()
}

/// The names of all packages that normal dependencies of `start` lead to, with the features that
/// the whole workspace switches on.
fn reaches(metadata: &Metadata, start: &PackageId) -> Result<BTreeSet<String>> {
    let resolve = metadata.resolve.as_ref().context("`cargo metadata` gave no dependency graph")?;
    let graph: HashMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, &node.deps)).collect();
    let mut seen = HashSet::from([start]);
    let mut todo = vec![start];
    while let Some(id) = todo.pop() {
        for edge in graph.get(id).into_iter().copied().flatten() {
            let normal = edge.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if normal && seen.insert(&edge.pkg) {
                todo.push(&edge.pkg);
            }
        }
    }
    seen.remove(start);
    Ok(seen.into_iter().map(|id| metadata[id].name.to_string()).collect())
}

/// The crates that `cargo tree` lists for this machine; unlike `cargo metadata` it takes the
/// features of exactly the packages that were asked for.
fn tree(workspace: &Workspace, selection: &[&str]) -> Result<BTreeSet<String>> {
    let mut command = workspace.cargo();
    command.arg("tree").args(selection).args(["-e", "normal", "--prefix", "none", "--format", "{p}"]);
    let output = command.output().with_context(|| format!("starting `{}`", process::show(&command)))?;
    if !output.status.success() {
        bail!("`{}` failed:\n{}", process::show(&command), String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, edges: &[&str]) -> Node {
        let dependencies = edges.iter().map(|edge| {
            let (kind, to) = edge.split_once(' ').unwrap_or(("", edge));
            let in_workspace = rule_for(to).is_some();
            Edge { to: to.into(), dev: kind == "dev", optional: kind == "optional", in_workspace }
        });
        Node { name: name.into(), dependencies: dependencies.collect(), reaches: BTreeSet::new() }
    }

    fn problems(name: &str, edges: &[&str]) -> Vec<String> {
        check(&[node(name, edges)])
    }

    #[test]
    fn this_workspace_keeps_its_layers() {
        let workspace = Workspace::load().unwrap();
        assert_eq!(check(&nodes(&workspace.metadata).unwrap()), Vec::<String>::new());
    }

    #[test]
    fn core_must_not_do_io() {
        assert_eq!(
            problems("sync-core", &["sync-derive", "sqlx", "tokio"]),
            ["sync-core must not depend on sqlx (design: ports have no I/O)"]
        );
        let mut hidden = node("sync-core", &["some-helper"]);
        hidden.reaches.insert("reqwest".into());
        assert_eq!(
            check(&[hidden]),
            ["sync-core must not reach reqwest through others (design: ports have no I/O)"]
        );
    }

    #[test]
    fn siblings_must_not_know_each_other() {
        for (name, sibling) in [
            ("sync-postgres", "sync-sqlite"),
            ("provider-salesforce", "provider-hubspot"),
            ("provider-salesforce", "optional sync-postgres"),
            ("entity-contact", "entity-account"),
            ("entity-contact", "optional entity-account"),
            ("hexsync", "sync-core"),
        ] {
            let found = problems(name, &[sibling]);
            assert_eq!(found.len(), 1, "{name} -> {sibling}: {found:?}");
            assert!(found[0].contains("must not depend on"), "{found:?}");
        }
    }

    #[test]
    fn http_layer_is_not_an_ordinary_provider() {
        assert!(problems("provider-salesforce", &["provider-http", "sync-detection"]).is_empty());
        assert_eq!(problems("provider-http", &["sync-detection"]).len(), 1);
    }

    #[test]
    fn adapters_of_an_entity_are_optional() {
        assert!(problems("entity-contact", &["sync-core", "optional sync-postgres"]).is_empty());
        assert_eq!(
            problems("entity-contact", &["sync-postgres"]),
            ["entity-contact may depend on sync-postgres only behind a feature: make it optional (design: \
              entities know no other entity, and stores and providers only behind features)"]
        );
    }

    #[test]
    fn tests_may_reach_across_except_the_sandbox_ones() {
        assert!(problems("sync-core", &["dev sync-memory", "dev sqlx"]).is_empty());
        let found = problems("crm-sandbox", &["dev sync-core"]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("not even in tests"), "{found:?}");
    }

    #[test]
    fn unknown_crate_is_told_where_to_go() {
        let found = problems("warehouse-mongo", &[]);
        assert!(found[0].contains("xtask/src/layers/table.rs"), "{found:?}");
    }
}
