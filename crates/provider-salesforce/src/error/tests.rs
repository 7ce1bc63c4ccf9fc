use bytes::Bytes;
use http::StatusCode;
use provider_http::HiddenBytes;

use super::*;

/// What an answer ends in, in a few words. `Retry` stands for the client's own tries.
fn outcome(status: u16, body: &str) -> String {
    let status_code = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status: status_code, headers: &HeaderMap::new(), body: body.as_bytes() };
    let error = match SalesforceAnswers.verdict(&answer) {
        Verdict::Permanent { code } => {
            let body = HiddenBytes(Bytes::copy_from_slice(body.as_bytes()));
            CallError::Http(HttpError::Refused { call: "query", status, code, body })
        }
        Verdict::Retry { after: None } => return "retry".to_owned(),
        Verdict::Throttled { wait } => return format!("throttled {}", wait.unwrap_or_default().as_secs()),
        Verdict::Unauthorised => return "refresh".to_owned(),
        verdict => return format!("{verdict:?}"),
    };
    match into_source(error, &Budget::default()) {
        SourceError::Permanent { code, .. } => format!("permanent {code}"),
        SourceError::Unauthorised { .. } => "reconnect".to_owned(),
        SourceError::Transient { .. } => "transient".to_owned(),
        other => format!("{other:?}"),
    }
}

fn api(code: &str, message: &str) -> String {
    format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#)
}

#[test]
fn every_documented_answer_has_its_outcome() {
    let cases = [
        (401, api("INVALID_SESSION_ID", "Session expired or invalid"), "refresh"),
        (401, api("INVALID_SESSION_ID", "This session is not valid for use with the REST API"), "reconnect"),
        (401, api("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"), "permanent INVALID_AUTH_HEADER"),
        (401, String::new(), "refresh"),
        (403, api("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "throttled 900"),
        (403, api("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "throttled 0"),
        (403, api("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization."), "reconnect"),
        (403, "<html>blocked</html>".to_owned(), "transient"),
        (429, String::new(), "throttled 0"),
        (429, api("REQUEST_LIMIT_EXCEEDED", "Too many requests."), "throttled 0"),
        (500, api("UNKNOWN_EXCEPTION", "An unexpected error occurred."), "retry"),
        (500, "<html>Internal Server Error</html>".to_owned(), "retry"),
        (502, String::new(), "retry"),
        (503, api("SERVER_UNAVAILABLE", "Server is too busy"), "retry"),
        (420, String::new(), "retry"),
        (400, api("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), "transient"),
        (400, api("TXN_SECURITY_METERING_ERROR", "x"), "throttled 0"),
        (400, api("QUERY_TIMEOUT", "Your query request was running for too long."), "transient"),
        (400, api("QUERY_TOO_COMPLICATED", "x"), "permanent QUERY_TOO_COMPLICATED"),
        (400, api("INVALID_QUERY_LOCATOR", "invalid query locator"), "transient"),
        (400, api("MALFORMED_QUERY", "unexpected token: FORM"), "permanent MALFORMED_QUERY"),
        (
            400,
            api("INVALID_FIELD", "No such column 'Foo__c' on entity 'Account'."),
            "permanent INVALID_FIELD",
        ),
        (400, api("INVALID_TYPE", "sObject type 'Acount' is not supported."), "permanent INVALID_TYPE"),
        (400, api("MALFORMED_ID", "malformed id x"), "permanent MALFORMED_ID"),
        (404, api("NOT_FOUND", "The requested resource does not exist"), "permanent NOT_FOUND"),
        (404, String::new(), "permanent http_404"),
        (410, api("UNSUPPORTED_API_VERSION", "x"), "permanent UNSUPPORTED_API_VERSION"),
        (414, "<html>URI Too Long</html>".to_owned(), "permanent http_414"),
        (431, String::new(), "permanent http_431"),
        (400, r#"[{"message":"cut o"#.to_owned(), "permanent http_400"),
        (302, String::new(), "permanent http_302"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(outcome(status, &body), expected, "{status} {body}");
    }
}

#[test]
fn reason_names_the_field_and_is_bounded() {
    let body = api("INVALID_FIELD", &format!("No such column 'Foo__c'{}", "x".repeat(1000)));
    let error = refused("query", 400, "INVALID_FIELD".to_owned(), body.as_bytes()).to_string();
    assert!(error.contains("No such column 'Foo__c'") && error.len() < 400, "{error}");
}

#[test]
fn throttled_org_without_calls_left_has_spent_its_budget() {
    let throttled =
        || CallError::Http(HttpError::Throttled { call: "query", retry_after: Duration::from_secs(900) });
    let budget = Budget::default();
    assert!(matches!(into_source(throttled(), &budget), SourceError::Throttled { .. }));
    budget.record(Usage { used: 15_000, max: 15_000 });
    assert!(matches!(
        into_source(throttled(), &budget),
        SourceError::BudgetSpent { used: 15_000, max: 15_000 }
    ));
}

#[test]
fn limit_header_is_read_leniently() {
    for (header, expected) in [
        ("api-usage=18/15000", Some((18, 15_000))),
        ("api-usage=25/5000; per-app-api-usage=17/250(appName=sample-connected-app)", Some((25, 5_000))),
        ("per-app-api-usage=17/250(appName=x);api-usage = 3 / 10 ", Some((3, 10))),
        ("API-USAGE", None),
        ("api-usage=x/y", None),
        ("per-app-api-usage=17/250", None),
        ("", None),
    ] {
        let found = usage(header).map(|usage| (usage.used, usage.max));
        assert_eq!(found, expected, "{header}");
    }
}
