//! Who may depend on whom: the design's table as data.

/// Crates that talk to the outside world.
const IO: &[&str] = &["sqlx", "reqwest", "redis", "axum", "tonic"];

/// The rule of one crate, or of a family of crates.
pub(crate) struct Rule {
    /// A name, or a prefix that ends with `*`. The first rule that fits counts.
    pub(crate) name: &'static str,
    /// Crates of the workspace it may depend on, separated by blanks, `*` at the end of a name allowed.
    pub(crate) may: &'static str,
    /// The same, but only as optional dependencies, so that a user pays for what is switched on.
    pub(crate) may_behind_feature: &'static str,
    /// Crates from outside that it must never reach, directly or through others.
    pub(crate) never: &'static [&'static str],
    /// Completes "design: …" in messages.
    pub(crate) why: &'static str,
    /// Whether the rule covers dev-dependencies too; elsewhere those are free.
    pub(crate) dev_too: bool,
}

const fn rule(
    name: &'static str,
    may: &'static str,
    never: &'static [&'static str],
    why: &'static str,
) -> Rule {
    Rule { name, may, may_behind_feature: "", never, why, dev_too: false }
}

/// Which crates the layering knows. A new crate gets its line here.
pub(crate) const RULES: &[Rule] = &[
    rule("sync-core", "sync-derive", IO, "ports have no I/O"),
    rule("sync-derive", "", IO, "the macro knows tokens only"),
    rule("sync-detection", "sync-core", IO, "detection is pure logic over any store and transport"),
    rule("sync-memory", "sync-core", IO, "the reference adapter has no I/O and knows no other adapter"),
    rule("sync-postgres", "sync-core", &[], "stores know the ports, not each other"),
    rule("sync-sqlite", "sync-core", &[], "stores know the ports, not each other"),
    rule("sync-redis-loopback", "sync-core", &["sqlx"], "an adapter knows its port only"),
    rule("sync-auth", "sync-core", &["sqlx"], "authorisation knows no provider and no store"),
    rule("provider-http", "sync-core sync-auth", &["sqlx"], "the HTTP layer knows no provider and no store"),
    rule(
        "provider-*",
        "sync-core sync-detection sync-auth provider-http",
        &["sqlx"],
        "providers know neither each other nor any store",
    ),
    rule(
        "sync-webhooks",
        "sync-core sync-detection sync-auth",
        &[],
        "a receiver stages what it gets; it never runs a sync",
    ),
    rule("sync-events", "sync-core", &[], "events know the ports only"),
    rule("sync-jobs", "sync-core", &[], "jobs know no entity"),
    Rule {
        name: "entity-*",
        may: "sync-core sync-detection",
        may_behind_feature: "sync-memory sync-postgres sync-sqlite provider-*",
        never: &[],
        why: "entities know no other entity, and stores and providers only behind features",
        dev_too: false,
    },
    Rule {
        name: "sync-wiring",
        may: "sync-core",
        may_behind_feature: "sync-* provider-* entity-*",
        never: &[],
        why: "wiring composes every adapter behind a feature",
        dev_too: false,
    },
    rule("sync-*", "sync-core", &[], "any other store knows the ports only"),
    Rule {
        name: "crm-sandbox",
        may: "",
        may_behind_feature: "",
        never: &[],
        why: "the sandbox is an independent reading of the providers' documents",
        dev_too: true,
    },
    rule("hexsync", "sync-wiring crm-sandbox", &[], "the program reaches everything through the wiring"),
    rule(
        "xtask",
        "sync-core sync-detection",
        &[],
        "chores need the entity schema, which is written in kinds of fields",
    ),
    rule("fuzz", "*", &[], "hostile input is fed to every crate that reads any"),
    rule("e2e", "*", &[], "the tests across crates may use all of them"),
];

/// Whether a blank-separated list of names and prefixes covers `name`.
pub(crate) fn covers(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|item| match item.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => item == name,
    })
}

/// The rule for a crate of the workspace.
pub(crate) fn rule_for(name: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| covers(rule.name, name))
}
