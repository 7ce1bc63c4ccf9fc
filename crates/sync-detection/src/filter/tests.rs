//! Filters from files and from code.

use super::*;

fn read(json: &str) -> Result<Filter, serde_json::Error> {
    serde_json::from_str(json)
}

#[test]
fn filter_survives_being_written_and_read() {
    for json in [
        r#"{"field":"StageName","op":"in","value":["Open","Won"]}"#,
        r#"{"field":"Amount","op":"gte","value":1500}"#,
        r#"{"field":"Amount","op":"lt","value":0.1}"#,
        r#"{"field":"IsClosed","op":"eq","value":true}"#,
        r#"{"field":"OwnerId","op":"neq","value":null}"#,
        r#"{"field":"CloseDate","op":"gt","value":"2026-03-01"}"#,
    ] {
        assert_eq!(serde_json::to_string(&read(json).unwrap()).unwrap(), json);
    }
}

#[test]
fn numbers_are_exact() {
    let filter = read(r#"{"field":"A","op":"eq","value":0.1}"#).unwrap();
    assert_eq!(filter.value(), &FilterValue::Number("0.1".parse().unwrap()));
}

#[test]
fn operator_and_value_have_to_fit() {
    for (json, expected) in [
        (r#"{"field":"A","op":"in","value":"x"}"#, "needs a list"),
        (r#"{"field":"A","op":"in","value":[]}"#, "at least one value"),
        (r#"{"field":"A","op":"nin","value":["x",null]}"#, "test for null"),
        (r#"{"field":"A","op":"eq","value":["x"]}"#, "goes with `in`"),
        (r#"{"field":"A","op":"gt","value":null}"#, "`gt`, which needs a number"),
        (r#"{"field":"A","op":"lt","value":true}"#, "to compare with"),
        (r#"{"field":"A","op":"in","value":[["x"]]}"#, "a list within a list"),
        (r#"{"field":"A","op":"like","value":"x"}"#, "unknown variant `like`"),
        (r#"{"field":"A","op":"eq","value":{}}"#, "null, true or false"),
        (r#"{"field":"A","op":"eq","value":1,"also":2}"#, "unknown field `also`"),
    ] {
        let error = read(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
