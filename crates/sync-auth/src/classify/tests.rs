use super::*;

fn classify(status: u16, body: &str) -> AuthError {
    let refusal = Refusal {
        status,
        retry_after: None,
        body: body.as_bytes(),
        now: DateTime::UNIX_EPOCH,
        server_time: None,
    };
    refusal.classify(|text| text.contains("hunter2"))
}

fn kind(error: &AuthError) -> &'static str {
    match error {
        AuthError::NeedsReauthorisation { .. } => "reauthorise",
        AuthError::Configuration { .. } => "configuration",
        AuthError::Throttled { .. } => "throttled",
        AuthError::Transient { .. } => "transient",
        AuthError::Store { .. } => "store",
    }
}

#[test]
fn every_known_answer_has_its_meaning() {
    let oauth = |code: &str| format!(r#"{{"error":"{code}","error_description":"why"}}"#);
    let status = |code: &str| format!(r#"{{"status":"{code}","message":"why"}}"#);
    let cases = [
        (400, oauth("invalid_grant"), "reauthorise"),
        (400, oauth("invalid_client"), "reauthorise"),
        (401, oauth("invalid_client_id"), "reauthorise"),
        (400, oauth("inactive_user"), "reauthorise"),
        (400, oauth("inactive_org"), "reauthorise"),
        (400, oauth("access_denied"), "reauthorise"),
        (400, oauth("INVALID_GRANT"), "reauthorise"),
        (400, status("BAD_REFRESH_TOKEN"), "reauthorise"),
        (400, status("BAD_AUTH_CODE"), "configuration"),
        (400, r#"{"status":"BAD_CLIENT_ID","error":"access_denied"}"#.into(), "reauthorise"),
        (400, r#"{"status":"BAD_HUB","error":"access_denied"}"#.into(), "reauthorise"),
        (400, r#"{"status":"BAD_REFRESH_TOKEN","error":"invalid_grant"}"#.into(), "reauthorise"),
        (400, r#"{"status":"BAD_CLIENT_ID","error":"invalid_client"}"#.into(), "configuration"),
        (400, r#"{"status":"BAD_CLIENT_SECRET","error":"invalid_client"}"#.into(), "configuration"),
        (400, status("BAD_HUB"), "reauthorise"),
        (400, status("BAD_REDIRECT_URI"), "configuration"),
        (400, oauth("rate_limit_exceeded"), "throttled"),
        (400, oauth("temporarily_unavailable"), "transient"),
        (400, oauth("unsupported_grant_type"), "configuration"),
        (400, oauth("invalid_request"), "configuration"),
        (400, oauth("invalid_scope"), "configuration"),
        (400, oauth("invalid_grant_type_of_ours"), "configuration"),
        (400, "{}".into(), "configuration"),
        (400, "<html>gateway</html>".into(), "transient"),
        (403, String::new(), "transient"),
        (404, "<html>no such page</html>".into(), "configuration"),
        (302, String::new(), "configuration"),
        (429, oauth("invalid_grant"), "throttled"),
        (500, oauth("invalid_grant"), "transient"),
        (503, "<html>busy</html>".into(), "transient"),
        (408, String::new(), "transient"),
    ];
    for (status, body, expected) in cases {
        assert_eq!(kind(&classify(status, &body)), expected, "{status} {body}");
    }
}

#[test]
fn dead_grant_names_its_cause() {
    let error =
        classify(400, r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#);
    let AuthError::NeedsReauthorisation { grant } = &error else { panic!("{error:?}") };
    assert_eq!(grant.to_string(), "invalid_grant: expired access/refresh token, since 1970-01-01T00:00:00Z");
}

#[test]
fn description_that_repeats_a_secret_is_dropped() {
    let error = classify(400, r#"{"error":"invalid_grant","error_description":"hunter2 is unknown"}"#);
    let AuthError::NeedsReauthorisation { grant } = &error else { panic!("{error:?}") };
    assert_eq!(grant.detail, None);
    let error = classify(400, r#"{"error":"hunter2"}"#);
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[test]
fn description_is_cut_and_can_not_forge_a_log_line() {
    let body = format!(r#"{{"error":"invalid_grant","error_description":"a\nb{}"}}"#, "x".repeat(1000));
    let AuthError::NeedsReauthorisation { grant } = classify(400, &body) else { panic!() };
    let detail = grant.detail.unwrap();
    assert!(detail.starts_with("a b"));
    assert_eq!(detail.chars().count(), LONGEST_DETAIL);
}

#[test]
fn throttling_waits_as_told_within_an_hour() {
    let wait = |retry_after| {
        let refusal =
            Refusal { status: 429, retry_after, body: b"", now: DateTime::UNIX_EPOCH, server_time: None };
        match refusal.classify(|_| false) {
            AuthError::Throttled { retry_after } => retry_after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait(None), Duration::from_secs(60));
    assert_eq!(wait(Some(Duration::from_secs(7))), Duration::from_secs(7));
    assert_eq!(wait(Some(Duration::from_secs(999_999))), Duration::from_secs(3600));
}

#[test]
fn refusals_name_their_cause() {
    let cases = [
        (
            r#"{"error":"invalid_grant","error_description":"expired access/refresh token"}"#,
            EndCause::Revoked,
        ),
        (r#"{"status":"BAD_REFRESH_TOKEN","message":"missing or invalid refresh token"}"#, EndCause::Revoked),
        (
            r#"{"status":"BAD_HUB","message":"missing or unknown hub id","error":"access_denied"}"#,
            EndCause::AccountGone,
        ),
        (r#"{"error":"invalid_grant","error_description":"Inactive organization"}"#, EndCause::AccountGone),
        (r#"{"error":"inactive_user","error_description":"user is inactive"}"#, EndCause::UserInactive),
        (
            r#"{"error":"invalid_client_id","error_description":"client identifier invalid"}"#,
            EndCause::Client,
        ),
        (r#"{"error":"invalid_grant","error_description":"audience is invalid"}"#, EndCause::Client),
        (
            r#"{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}"#,
            EndCause::Policy,
        ),
    ];
    for (body, expected) in cases {
        let AuthError::NeedsReauthorisation { grant } = classify(400, body) else { panic!("{body}") };
        assert_eq!(grant.cause, expected, "{body}");
    }
}

#[test]
fn refused_assertion_of_another_time_is_the_clocks_fault() {
    let cause = |seconds| {
        let now = DateTime::UNIX_EPOCH;
        let refusal = Refusal {
            status: 400,
            retry_after: None,
            body: br#"{"error":"invalid_grant","error_description":"invalid assertion"}"#,
            now,
            server_time: Some(now + TimeDelta::seconds(seconds)),
        };
        match refusal.classify(|_| false) {
            AuthError::NeedsReauthorisation { grant } => grant.cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((cause(119), cause(-119)), (EndCause::Revoked, EndCause::Revoked));
    assert_eq!((cause(121), cause(-121)), (EndCause::Clock, EndCause::Clock));
}
