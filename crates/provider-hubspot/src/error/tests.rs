use bytes::Bytes;
use http::StatusCode;
use provider_http::HiddenBytes;

use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

/// What an answer ends in, in a few words. `retry` stands for the client's own tries.
fn outcome(status: u16, headers: &HeaderMap, body: &str) -> String {
    let status_code = StatusCode::from_u16(status).unwrap();
    let answer = Answer { status: status_code, headers, body: body.as_bytes() };
    let seconds =
        |wait: Option<Duration>| wait.map_or("as asked".to_owned(), |wait| wait.as_secs().to_string());
    let error = match HubspotAnswers::adapting(None).verdict(&answer) {
        Verdict::Permanent { code } => {
            let body = HiddenBytes(Bytes::copy_from_slice(body.as_bytes()));
            CallError::Http(HttpError::Refused { call: "search", status, code, body })
        }
        Verdict::Retry { after: None } => return "retry".to_owned(),
        Verdict::Retry { after } => return format!("retry {}", seconds(after)),
        Verdict::Throttled { wait } => return format!("throttled {}", seconds(wait)),
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

fn general(category: &str, message: &str) -> String {
    format!(r#"{{"status":"error","message":"{message}","correlationId":"x","category":"{category}"}}"#)
}

fn policy(name: &str, message: &str) -> String {
    format!(r#"{{"status":"error","message":"{message}","errorType":"RATE_LIMIT","policyName":"{name}"}}"#)
}

#[test]
fn every_documented_answer_has_its_outcome() {
    let html = "<html><body>Something went wrong</body></html>".to_owned();
    let property = general(
        "VALIDATION_ERROR",
        r#"Property values were not valid: [{\"isValid\":false,\"error\":\"PROPERTY_DOESNT_EXIST\",\"name\":\"foo\"}]"#,
    );
    let ten_seconds = policy("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.");
    let cases = [
        (400, general("VALIDATION_ERROR", "Invalid input JSON"), "permanent VALIDATION_ERROR"),
        (400, property, "permanent PROPERTY_DOESNT_EXIST"),
        (400, general("", "Unable to infer object type from: widgets"), "permanent http_400"),
        (401, general("EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired"), "refresh"),
        (401, general("INVALID_AUTHENTICATION", "Authentication credentials not found."), "reconnect"),
        (401, String::new(), "refresh"),
        (401, html.clone(), "refresh"),
        (403, general("MISSING_SCOPES", "This app hasn't been granted all required scopes"), "reconnect"),
        (403, html.clone(), "transient"),
        (404, general("OBJECT_NOT_FOUND", "resource not found"), "permanent OBJECT_NOT_FOUND"),
        (404, String::new(), "permanent http_404"),
        (408, String::new(), "retry"),
        (409, general("CONFLICT", "Contact already exists. Existing ID: 512"), "permanent CONFLICT"),
        (414, html.clone(), "permanent http_414"),
        (423, general("LOCKED", "locked"), "throttled 2"),
        (429, ten_seconds, "throttled 10"),
        (429, policy("DAILY", "You have reached your daily limit."), "throttled 900"),
        (429, general("RATE_LIMITS", "You have reached your secondly limit."), "throttled 1"),
        (429, policy("SECONDLY", "Too fast."), "throttled 1"),
        (
            429,
            r#"{"message":"You have reached your secondly limit.","errorType":"RATE_LIMIT"}"#.into(),
            "throttled 1",
        ),
        (429, general("RATE_LIMITS", "Too many requests"), "throttled 10"),
        (429, html.clone(), "throttled as asked"),
        (477, String::new(), "throttled 3600"),
        (500, general("INTERNAL_ERROR", "internal error"), "retry"),
        (502, html.clone(), "retry"),
        (503, String::new(), "retry"),
        (504, html.clone(), "retry"),
        (521, html.clone(), "retry"),
        (524, html, "retry"),
        (525, String::new(), "retry"),
        (302, String::new(), "permanent http_302"),
        (400, r#"{"status":"err"#.to_owned(), "permanent http_400"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(outcome(status, &HeaderMap::new(), &body), expected, "{status} {body}");
    }
}

#[test]
fn retry_after_comes_before_our_own_pauses() {
    let asked = headers(&[("retry-after", "7")]);
    let limit = policy("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.");
    assert_eq!(outcome(429, &asked, &limit), "throttled as asked");
    assert_eq!(outcome(477, &headers(&[("retry-after", "86400")]), ""), "throttled as asked");
    assert_eq!(outcome(423, &asked, ""), "throttled as asked");
    assert_eq!(outcome(429, &asked, &policy("DAILY", "")), "throttled 900", "a day is not over in seconds");
}

#[test]
fn reason_names_the_missing_scopes_and_is_bounded() {
    let body = format!(
        r#"{{"category":"MISSING_SCOPES","message":"This app hasn't been granted all required scopes{}",
          "errors":[{{"context":{{"requiredGranularScopes":["crm.objects.deals.read"]}}}}]}}"#,
        "x".repeat(1000)
    );
    let error = refused("search", 403, "MISSING_SCOPES".to_owned(), body.as_bytes()).to_string();
    assert!(error.contains("crm.objects.deals.read") && error.len() < 500, "{error}");
}

#[test]
fn throttled_account_without_calls_left_has_spent_its_budget() {
    let throttled =
        || CallError::Http(HttpError::Throttled { call: "search", retry_after: Duration::from_secs(900) });
    let budget = Budget::default();
    assert!(matches!(into_source(throttled(), &budget), SourceError::Throttled { .. }));
    budget.record(Usage { used: 250_000, max: 250_000 });
    assert!(matches!(
        into_source(throttled(), &budget),
        SourceError::BudgetSpent { used: 250_000, max: 250_000 }
    ));
}

#[test]
fn daily_limit_is_read_where_it_is_told() {
    let answers = HubspotAnswers::adapting(None);
    let told = [("x-hubspot-ratelimit-daily", "250000"), ("x-hubspot-ratelimit-daily-remaining", "249831")];
    assert_eq!(answers.usage(&headers(&told)), Some(Usage { used: 169, max: 250_000 }));
    assert_eq!(answers.usage(&headers(&told[..1])), None);
    assert_eq!(answers.usage(&headers(&[("x-hubspot-ratelimit-daily", "x")])), None);
}

/// The account's plan decides the pace; it is learnt once, and anew when it changes.
#[tokio::test(start_paused = true)]
async fn pace_follows_what_the_account_allows() {
    let pace = RateLimiter::new(nine_tenths(100, BURST_WINDOW));
    let answers = HubspotAnswers::adapting(Some(pace.clone()));
    answers.usage(&headers(&[
        ("x-hubspot-ratelimit-max", "200"),
        ("x-hubspot-ratelimit-interval-milliseconds", "10000"),
    ]));
    answers.usage(&HeaderMap::new());
    let start = tokio::time::Instant::now();
    for _ in 0..20 + 180 {
        pace.acquire(BURST_WINDOW).await.unwrap();
    }
    let took = start.elapsed().as_millis();
    assert!((9_900..=10_100).contains(&took), "{took}");
}
