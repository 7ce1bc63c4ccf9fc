//! Polled changes on their way.

use std::sync::{Arc, Mutex};

use futures_util::{StreamExt, stream};
use sync_core::{
    Change, ChangeMiddleware, ChangeSource, ChangeStream, Cursor, Payload, Provenance, SourceError,
    Subscription,
};

use super::*;
use crate::{CdcConfig, CursorConfig, CursorKind, PollConfig, PollProvenance, WebhookConfig};

const STAMP: CursorConfig = CursorConfig::new(CursorKind::Timestamp, "stamp");

fn subscription() -> Subscription {
    Subscription::new("acme", "homegrown-poll", "ticket")
}

fn change(id: &str) -> Change<String> {
    Change::upsert(id, format!("record {id}"))
}

/// A fetcher that answers with these, whatever it is asked.
fn answering(
    answer: impl Fn() -> Vec<Result<Change<String>, SourceError>> + Send + Sync + 'static,
) -> Box<dyn PollFetch<String>> {
    struct Answering<F>(F);

    impl<F: Fn() -> Vec<Result<Change<String>, SourceError>> + Send + Sync> PollFetch<String> for Answering<F> {
        fn fetch(&self, _: PollRequest<'_>) -> ChangeStream<String> {
            stream::iter((self.0)()).boxed()
        }
    }

    Box::new(Answering(answer))
}

fn source(config: DetectionConfig, fetch: Box<dyn PollFetch<String>>) -> PollChangeSource<String> {
    PollChangeSource::new("homegrown-poll-ticket", config, fetch)
}

fn polling() -> DetectionConfig {
    DetectionConfig::poll(PollConfig::new(STAMP), &[])
}

async fn read(source: &PollChangeSource<String>) -> Vec<Result<Change<String>, SourceError>> {
    source.list_changes(&subscription(), None).collect().await
}

#[tokio::test]
async fn fetcher_is_given_subscription_cursor_and_filters() {
    let asked = Arc::new(Mutex::new(None));
    let note = Arc::clone(&asked);
    let fetch = poll_fetch(move |request: OwnedPollRequest| {
        *note.lock().unwrap() = Some(request);
        std::future::ready(Ok(Vec::<Change<String>>::new()))
    });
    let filters = [Filter::neq("state", "draft"), Filter::is_set("owner")];
    let config = polling().filters(filters.clone());
    let (subscription, cursor) = (subscription(), Cursor::new("7"));
    let source = source(config, Box::new(fetch));
    let changes: Vec<_> = source.list_changes(&subscription, Some(&cursor)).collect().await;
    assert!(changes.is_empty());
    let expected = OwnedPollRequest { subscription, cursor: Some(cursor), filters: filters.to_vec() };
    assert_eq!(asked.lock().unwrap().take(), Some(expected));
}

#[tokio::test]
async fn changes_are_stamped_as_configured() {
    let from_stream = PollConfig::new(STAMP).provenance(PollProvenance::Cdc);
    for (config, expected) in [
        (polling(), Provenance::Poll),
        (DetectionConfig::poll(from_stream, &[]), Provenance::Cdc),
        (DetectionConfig::cdc(CdcConfig::new(STAMP), &[]), Provenance::Cdc),
    ] {
        let webhook = Change { source: Provenance::Webhook, ..change("a") };
        let changes = read(&source(config, answering(move || vec![Ok(webhook.clone())]))).await;
        assert_eq!(changes[0].as_ref().unwrap().source, expected);
    }
}

#[tokio::test]
async fn record_without_an_id_ends_the_stream() {
    let answer = || vec![Ok(change("a")), Ok(change("")), Ok(change("b"))];
    let changes = read(&source(polling(), answering(answer))).await;
    assert_eq!(changes.len(), 2);
    let error = changes[1].as_ref().unwrap_err().to_string();
    assert_eq!(
        error,
        "poll records was refused (EMPTY_ID): the fetcher yielded a record without an external id"
    );
}

/// Stores keep positions as JSON, and would fail the whole batch.
#[tokio::test]
async fn position_that_is_no_json_ends_the_stream() {
    let answer = || {
        vec![
            Ok(change("a").at(Cursor::new(r#""2026-03-01""#))),
            Ok(change("b").at(Cursor::new("2026-03-01"))),
        ]
    };
    let changes = read(&source(polling(), answering(answer))).await;
    assert!(changes[0].is_ok());
    assert!(changes[1].as_ref().unwrap_err().to_string().contains("BAD_POSITION"));
}

#[tokio::test]
async fn nothing_follows_an_error() {
    let failure = || SourceError::Unauthorised { call: "poll records", reason: "expired".to_owned() };
    let answer = move || vec![Ok(change("a")), Err(failure()), Ok(change("b"))];
    let changes = read(&source(polling(), answering(answer))).await;
    assert_eq!(changes.len(), 2);
    assert!(matches!(changes[1], Err(SourceError::Unauthorised { .. })));
}

#[tokio::test]
async fn webhook_configuration_is_not_polled() {
    let config = DetectionConfig::webhook(WebhookConfig::new("id"), &[]);
    let changes = read(&source(config, answering(|| vec![Ok(change("a"))]))).await;
    assert_eq!(changes.len(), 1);
    assert!(changes[0].as_ref().unwrap_err().to_string().contains("WRONG_MODE"));
}

/// Appends its letter to each record.
struct Letter(char);

impl ChangeMiddleware<String> for Letter {
    fn wrap(&self, _: &Subscription, changes: ChangeStream<String>) -> ChangeStream<String> {
        let letter = self.0;
        let add = move |mut change: Change<String>| {
            if let Payload::Upsert(record) = &mut change.payload {
                record.value.push(letter);
            }
            change
        };
        changes.map(move |change| change.map(add)).boxed()
    }
}

#[tokio::test]
async fn first_middleware_sees_a_change_last() {
    let source = source(polling(), answering(|| vec![Ok(change("a"))]))
        .middleware(Arc::new(Letter('1')))
        .middleware(Arc::new(Letter('2')));
    let changes = read(&source).await;
    let Payload::Upsert(record) = &changes[0].as_ref().unwrap().payload else { panic!("{changes:?}") };
    assert_eq!(record.value, "record a21");
    assert_eq!(source.label(), "homegrown-poll-ticket");
}

#[tokio::test]
async fn function_may_fail_at_once() {
    let failure =
        || SourceError::Throttled { call: "poll records", retry_after: std::time::Duration::from_secs(1) };
    let fetch =
        poll_fetch(move |_: OwnedPollRequest| std::future::ready(Err::<Vec<Change<String>>, _>(failure())));
    let changes = read(&source(polling(), Box::new(fetch))).await;
    assert!(matches!(changes[..], [Err(SourceError::Throttled { .. })]));
}
