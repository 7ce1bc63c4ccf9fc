//! Whatever comes in, an answer goes out, and the server stands.

use reqwest::Method;

use crate::support::{V, World};

const BODIES: &[&str] = &[
    "",
    "null",
    "[]",
    "{}",
    r#"{"records":[null]}"#,
    r#"{"records":[{}],"allOrNone":true}"#,
    r#"{"records":[{"attributes":{"type":"\u0000"}}]}"#,
    r#"{"ids":["","001","ééééééé"],"fields":[]}"#,
    r#"{"Name":{"a":[1]},"ParentId":{},"Parent":{"x":1,"y":2}}"#,
    r#"{"Name":"x","AnnualRevenue":-1e308,"NumberOfEmployees":99999999999999999999}"#,
    r#"{"ops":[{"op":"insert","object":"Account","fields":{"SystemModstamp":"9999-12-31T23:59:59Z"}}]}"#,
    r#"{"op":"add","object":"Account","field":{"name":"W__c","type":"currency","length":4294967295,"scale":4294967295}}"#,
    r#"{"seconds":18446744073709551615}"#,
    r#"{"session_timeout_s":18446744073709551615,"api_used":18446744073709551615,"max_page":0}"#,
    r#"{"seed":1,"plan":{"updated":1e999,"over_s":4294967295}}"#,
    "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c",
];

#[tokio::test]
async fn odd_bodies_never_break_an_endpoint() {
    let paths = [
        "sobjects/Account",
        "sobjects/Account/001",
        "sobjects/Account/Ext__c/%00%ff",
        "sobjects/Account/Ext__c/k?updateOnly=maybe",
        "composite/sobjects",
        "composite/sobjects?ids=,,%F0&allOrNone=x",
        "composite/sobjects/Account",
        "composite/sobjects/Account/Ext__c",
        "query/-",
        "query/01gDn0000000001-18446744073709551615",
        "sobjects/Account/updated?start=9999-12-31T23:59:59Z&end=-262143-01-01T00:00:00Z",
        "sobjects/Account/describe",
        "limits",
    ];
    let others = [
        "/_sandbox/rows",
        "/_sandbox/schema",
        "/_sandbox/settings",
        "/_sandbox/evolve",
        "/_sandbox/faults",
        "/_sandbox/clock/advance",
        "/services/oauth2/token",
        "/services/oauth2/revoke",
        "/services/oauth2/introspect",
        "/id/x/y",
    ];
    let all: Vec<String> =
        paths.iter().map(|path| format!("{V}/{path}")).chain(others.map(str::to_owned)).collect();
    for body in BODIES {
        // Some of these bodies stop the clock's world: each gets its own.
        let world = World::empty().await;
        for path in &all {
            for method in [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE] {
                let answer = world.request(method.clone(), path).body(*body).send().await;
                let status =
                    answer.unwrap_or_else(|error| panic!("{method} {path} with {body}: {error}")).status();
                assert!(status.as_u16() < 500, "{method} {path} with {body}: {status}");
            }
        }
    }
}
