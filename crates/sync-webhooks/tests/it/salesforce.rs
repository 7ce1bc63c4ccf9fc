//! Salesforce's outbound messages.

use reqwest::StatusCode;
use sync_webhooks::SalesforceReceiver;

use crate::support::{ORG, Place, TOKEN, message};

async fn send(place: &Place, token: &str, body: String) -> (StatusCode, String) {
    let answer = place.post(&format!("/salesforce/{token}"), body.into_bytes()).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

/// INV-INB-1: a notification waits once, by its id; what it carries waits with it.
#[tokio::test]
async fn message_is_staged_before_it_is_acknowledged() {
    let place = Place::start().await;
    for body in [message(ORG, 1..=100), message(ORG, 100..=101), message(&ORG[..15], [7])] {
        let (status, words) = send(&place, TOKEN, body).await;
        assert_eq!(status, StatusCode::OK);
        assert!(words.contains("<Ack>true</Ack>") && words.contains("notificationsResponse"), "{words}");
    }
    let waiting = place.waiting().await;
    assert_eq!(waiting.len(), 101);
    assert_eq!(waiting[0].notice.external_id.as_str(), "001Dn0000000001IAV");
    assert!(waiting[0].notice.body.as_deref().unwrap().contains(r#""Name":"A 1""#));
}

#[tokio::test]
async fn nobody_comes_in_without_token_and_organisation() {
    let place = Place::start().await;
    for token in ["0123456789abcdef0123456789abcdeF", &TOKEN[..31], &format!("{TOKEN}0"), "x"] {
        let (status, words) = send(&place, token, message(ORG, [1])).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{token}");
        assert!(!words.contains(TOKEN) && !words.contains("<Ack>true"), "{words}");
    }
    let (status, words) = send(&place, TOKEN, message("00DDn000000ZyXx", [1])).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(words.contains("Fault"), "{words}");
    for token in ["", "short", "123456789012345678901"] {
        assert!(SalesforceReceiver::new().door(&token.into(), [ORG]).is_err(), "{token}");
    }
    let side = SalesforceReceiver::new().door(&TOKEN.into(), [ORG]).unwrap();
    assert!(!format!("{side:?}").contains(TOKEN));
    assert!(place.waiting().await.is_empty());
}

/// Who may call is asked anew with every call.
#[tokio::test]
async fn organisation_comes_in_as_soon_as_it_is_listed() {
    let place = Place::start().await;
    for (listed, expected) in [(vec![], StatusCode::FORBIDDEN), (vec![&ORG[..15]], StatusCode::OK)] {
        place.organizations.set(listed);
        assert_eq!(send(&place, TOKEN, message(ORG, [1])).await.0, expected);
    }
    assert_eq!(place.waiting().await.len(), 1);
}

#[tokio::test]
async fn bombs_are_refused() {
    let place = Place::start().await;
    let laughs = r#"<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>"#;
    for body in [
        format!("{laughs}{}", message(ORG, [1])),
        message(ORG, [1]).replace("A 1", "&b;"),
        message(ORG, 1..=101),
        "<a>".repeat(1_000_000),
        String::new(),
    ] {
        let (status, words) = send(&place, TOKEN, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(words.contains("Fault") && !words.contains("Ack"), "{words}");
    }
    assert!(place.waiting().await.is_empty());
}

/// All of a message comes again when it was not kept, and is then told from what was.
#[tokio::test]
async fn message_that_can_not_be_kept_is_not_acknowledged() {
    let place = Place::start().await;
    for lost_at_commit in [false, true] {
        if lost_at_commit {
            place.store.lose_commits(true);
        } else {
            place.store.go_away(true);
        }
        let (status, words) = send(&place, TOKEN, message(ORG, 1..=3)).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(words.contains("<Ack>false</Ack>"), "{words}");
        place.store.go_away(false);
        place.store.lose_commits(false);
    }
    assert!(place.waiting().await.is_empty());
    assert_eq!(send(&place, TOKEN, message(ORG, 1..=3)).await.0, StatusCode::OK);
    assert_eq!(place.waiting().await.len(), 3);
}
