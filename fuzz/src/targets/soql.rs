//! Queries from names and values: whatever they hold, the query says the same thing.

use crm_sandbox::salesforce::soql::parse;
use provider_salesforce::soql::{Condition, FieldPath, Literal, Operator, Select};

use super::Target;

pub(crate) const TARGET: Target = Target {
    name: "soql",
    about: "names and values in queries: no text leaves its quotes, as an independent parser sees it",
    run,
    seeds: &[
        b"Account.Name\0O'Neill \\ Sons",
        b"Name\0' OR Id != '",
        b"Id\0\\",
        b"StageName\0\\' OR Name LIKE '%",
    ],
    words: &[
        b"'",
        b"\\'",
        b"\\\\",
        b"\\",
        b" OR ",
        b"--",
        b"/*",
        b"\n",
        b"\0",
        b"\\u0027",
        b" LIMIT 1",
        b"\xe2\x80\xa8",
    ],
};

/// The longest text that a condition may hold, in characters (SOQL and SOSL Limits).
const LONGEST_TEXT: usize = 4_000;

fn run(input: &[u8]) {
    let split = input.iter().position(|byte| *byte == 0).unwrap_or(input.len());
    let (name, value) = input.split_at(split);
    let name = String::from_utf8_lossy(name);
    let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
    let query = |name: &str, value: &str| {
        let path = FieldPath::new(name).ok()?;
        let select = Select::new("Account", [FieldPath::new("Id").ok()?]).ok()?;
        Some(select.and(Condition::compare(path, Operator::Eq, Literal::text(value))).to_string())
    };
    // A name is a name or it is refused.
    let safe = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    assert!(query(&name, "x").is_none() || safe(&name), "{name:?} became part of a query");
    let Some(text) = query("Name", &value) else { panic!("a known name was refused") };
    // A longer text in a condition is refused by Salesforce and by its simulation; nothing leaves its quotes there.
    if value.chars().count() > LONGEST_TEXT {
        return;
    }
    // What another reading of the grammar makes of it: one condition on one text.
    let parsed = parse(&text).unwrap_or_else(|error| panic!("{text:?} does not parse: {error:?}"));
    let plain = query("Name", "x").and_then(|text| parse(&text).ok());
    let shape = |query: &crm_sandbox::salesforce::soql::Query| format!("{query:?}");
    let expected = plain.map(|plain| shape(&plain).replace("\"x\"", &format!("{value:?}")));
    assert_eq!(Some(shape(&parsed)), expected, "{text:?} says something else");
}

#[cfg(test)]
mod tests {
    use super::super::fed;

    #[test]
    fn values_stay_values() {
        fed(&super::TARGET);
    }
}
