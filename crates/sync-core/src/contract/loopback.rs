//! Fingerprint stores recognise our own writes, and nothing else.
//!
//! What a store has to keep is the record last written, per tenant, connection, entity and external id, for the
//! time it was given. It answers *echo* to a full record that says the same as often as it comes within that time: a
//! poll that overlaps the one before, a webhook beside a poll and a batch that is tried again all bring it twice.
//! Any other change of the record makes it forget, before it answers. From then on the local row may differ from what
//! we wrote, and a record that returns to our values has to be applied; a store that remembered them would lose it.
//!
//! A partial record is let through even where it agrees on the fields it has: what is kept stands for a whole record
//! and says nothing of its parts. Merged over a row that holds our values, such an echo is a noop.

use std::time::Duration;

use serde_json::json;

use super::fixture::LoopbackFixture;
use super::sample::Sample;
use super::setup::{at, ids, scope_of, subscription};
use crate::{Canonical, Change, DeleteEvidence, FieldSet, FieldValue, Payload, Scope, Unreadable};

/// Short enough to wait for.
const SHORT: Duration = Duration::from_millis(50);

/// R6: the record as we wrote it is an echo.
pub async fn own_write_is_an_echo<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a"))]).await;
    assert_eq!(answers(&f, &[Change::upsert("r1", sample("a"))]).await, [true]);
}

/// R6: numbers, instants and empty custom fields come back from a CRM in other forms, and are the same.
pub async fn other_form_of_our_write_is_an_echo<F: LoopbackFixture>(f: F) {
    let mut ours = sample("a");
    ours.price = "12.50".parse().ok();
    ours.custom.set("Score__c", FieldValue::Decimal("7.10".parse().unwrap()));
    ours.custom.set("Unused__c", FieldValue::Null);
    f.record(&scope(), &[("r1".into(), &ours)]).await;

    let mut theirs = sample("a");
    theirs.price = "12.5".parse().ok();
    theirs.moment = theirs.moment.map(|moment| moment + chrono::TimeDelta::nanoseconds(300));
    theirs.custom.set("Score__c", FieldValue::from_json(json!(7.1)));
    assert_eq!(answers(&f, &[Change::upsert("r1", theirs)]).await, [true]);
}

/// INV-LOO-1: a record that differs from what we wrote in any one field is no echo.
pub async fn difference_in_any_field_is_no_echo<F: LoopbackFixture>(f: F) {
    let ours = sample("a");
    let mut others: Vec<Sample> = (0..Sample::FIELDS.len()).map(|field| differing_in(&ours, field)).collect();
    for value in [FieldValue::Null, FieldValue::Text("9".into()), FieldValue::Text("08".into())] {
        others.push(ours.clone());
        others.last_mut().unwrap().custom.set("Level__c", value);
    }
    others.push(ours.clone());
    others.last_mut().unwrap().custom.set("Other__c", FieldValue::Bool(true));

    let ids = ids(others.len());
    let writes: Vec<_> = ids.iter().map(|id| (id.clone(), &ours)).collect();
    f.record(&scope(), &writes).await;
    let changes: Vec<_> =
        ids.iter().zip(others).map(|(id, other)| Change::upsert(id.clone(), other)).collect();
    for (echo, change) in answers(&f, &changes).await.into_iter().zip(changes) {
        assert!(!echo, "{change:?}");
    }
}

/// R6: the answers are those of the changes, one each, in order.
pub async fn each_change_gets_its_answer<F: LoopbackFixture>(f: F) {
    let (a, b) = (sample("a"), sample("b"));
    f.record(&scope(), &[("r1".into(), &a), ("r3".into(), &b)]).await;
    let changes = [("r3", "b"), ("r2", "a"), ("r1", "a"), ("r4", "b")]
        .map(|(id, name)| Change::upsert(id, sample(name)));
    assert_eq!(answers(&f, &changes).await, [true, false, true, false]);
}

/// An empty batch and an empty write are no errors.
pub async fn nothing_asked_is_nothing_answered<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[]).await;
    assert!(answers(&f, &[]).await.is_empty());
}

/// INV-LOO-1: a write concerns one record of one entity of one connection of one tenant; names that hold each
/// other's separators are apart as well.
pub async fn tenants_connections_entities_and_records_are_apart<F: LoopbackFixture>(f: F) {
    let ours = place(Some("t"), "c", "sample");
    f.record(&ours, &[("r1".into(), &sample("a"))]).await;
    for (scope, id) in [
        (place(Some("u"), "c", "sample"), "r1"),
        (place(None, "c", "sample"), "r1"),
        (place(Some("t"), "d", "sample"), "r1"),
        (place(Some("t"), "c", "sample_parent"), "r1"),
        (place(Some("t"), "c", "sample"), "r2"),
        (place(Some("t"), "c", "sample"), "R1"),
    ] {
        assert_eq!(ask(&f, &scope, &[Change::upsert(id, sample("a"))]).await, [false], "{scope:?} {id}");
    }
    assert_eq!(ask(&f, &ours, &[Change::upsert("r1", sample("a"))]).await, [true]);

    for separator in [":", "/", "%3A", "|", "\0", " "] {
        let joined = format!("t{separator}c");
        f.record(&place(Some(&joined), "x", "sample"), &[("r".into(), &sample("a"))]).await;
        let other = place(Some("t"), &format!("c{separator}x"), "sample");
        assert_eq!(ask(&f, &other, &[Change::upsert("r", sample("a"))]).await, [false], "{separator:?}");
    }
}

/// R6: what one feed of a connection brings, another may bring as well: a poll and a webhook.
pub async fn every_subscription_of_a_connection_knows<F: LoopbackFixture>(f: F) {
    let (poll, webhook) = (scope(), scope());
    assert_ne!(poll.subscription, webhook.subscription);
    f.record(&poll, &[("r1".into(), &sample("a"))]).await;
    for scope in [webhook, poll] {
        assert_eq!(ask(&f, &scope, &[Change::upsert("r1", sample("a"))]).await, [true]);
    }
}

/// INV-LOO-1: a deletion is never an echo.
pub async fn deletion_is_no_echo<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &Sample::default())]).await;
    assert_eq!(answers(&f, &[Change::deletion("r1", DeleteEvidence::Feed)]).await, [false]);
}

/// INV-LOO-1: a partial record is let through, also where it agrees with what we wrote: nobody knows the rest of
/// it, and merged over a row with our values it is a noop.
pub async fn partial_record_is_no_echo<F: LoopbackFixture>(f: F) {
    let ours = sample("a");
    let ids = ids(3);
    let writes: Vec<_> = ids.iter().map(|id| (id.clone(), &ours)).collect();
    f.record(&scope(), &writes).await;
    let sent = [FieldSet::named::<Sample>(["name"]), FieldSet::all::<Sample>(), FieldSet::EMPTY];
    let changes: Vec<_> =
        ids.iter().zip(sent).map(|(id, sent)| Change::partial(id.clone(), ours.clone(), sent)).collect();
    assert_eq!(answers(&f, &changes).await, [false, false, false]);
}

/// INV-LOO-1: a record that could not be read, or was left out on purpose, is no echo.
pub async fn unreadable_and_left_out_records_are_no_echoes<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a")), ("r2".into(), &sample("a"))]).await;
    let changes = [Change::new("r1", unreadable()), Change::new("r2", Payload::Skip("filtered".into()))];
    assert_eq!(answers(&f, &changes).await, [false, false]);
}

/// R6: an echo that comes twice is an echo twice, within a call and across calls.
pub async fn echo_may_come_again<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a"))]).await;
    let echo = Change::upsert("r1", sample("a"));
    assert_eq!(answers(&f, &[echo.clone(), echo.clone()]).await, [true, true]);
    assert_eq!(answers(&f, &[echo]).await, [true]);
}

/// INV-LOO-1: of two writes the later one counts, across calls and within one.
pub async fn last_write_counts<F: LoopbackFixture>(f: F) {
    let (a, b, c) = (sample("a"), sample("b"), sample("c"));
    f.record(&scope(), &[("r1".into(), &a), ("r2".into(), &a)]).await;
    f.record(&scope(), &[("r1".into(), &b), ("r2".into(), &b), ("r2".into(), &c)]).await;
    assert_eq!(answers(&f, &[Change::upsert("r1", b), Change::upsert("r2", c)]).await, [true, true]);
    assert_eq!(
        answers(&f, &[Change::upsert("r1", a.clone()), Change::upsert("r2", a)]).await,
        [false, false]
    );
}

/// INV-LOO-2: once another change of the record was let through, a return to our values is a change like any other.
pub async fn return_to_our_write_is_no_echo<F: LoopbackFixture>(f: F) {
    let ours = sample("a");
    let partial = FieldSet::named::<Sample>(["name"]);
    let others = [
        Change::upsert("r1", sample("b")),
        Change::partial("r2", ours.clone(), partial),
        Change::deletion("r3", DeleteEvidence::Feed),
        Change::new("r4", unreadable()),
    ];
    let writes: Vec<_> = others.iter().map(|change| (change.external_id.clone(), &ours)).collect();
    f.record(&scope(), &writes).await;
    assert_eq!(answers(&f, &others).await, [false; 4]);
    let returns = others.map(|change| Change::upsert(change.external_id, ours.clone()));
    assert_eq!(answers(&f, &returns).await, [false; 4]);

    f.record(&scope(), &writes).await;
    assert_eq!(answers(&f, &returns).await, [true; 4], "a later write of ours is known again");
}

/// INV-LOO-2: the same holds among changes of one call, which are taken in order.
pub async fn return_to_our_write_within_a_call_is_no_echo<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a"))]).await;
    let changes = ["a", "b", "a"].map(|name| Change::upsert("r1", sample(name)));
    assert_eq!(answers(&f, &changes).await, [true, false, false]);
    assert_eq!(answers(&f, &changes[..1]).await, [false]);
}

/// R6: a change of one record leaves what we wrote of others known.
pub async fn other_records_changes_forget_nothing<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a"))]).await;
    assert_eq!(answers(&f, &[Change::upsert("r2", sample("b"))]).await, [false]);
    let elsewhere = place(None, "elsewhere", "sample");
    assert_eq!(ask(&f, &elsewhere, &[Change::upsert("r1", sample("b"))]).await, [false]);
    assert_eq!(answers(&f, &[Change::upsert("r1", sample("a"))]).await, [true]);
}

/// R6: what we wrote is known for the time that was set.
pub async fn echo_is_known_for_its_time<F: LoopbackFixture>(f: F) {
    f.record(&scope(), &[("r1".into(), &sample("a"))]).await;
    f.pass(SHORT).await;
    assert_eq!(answers(&f, &[Change::upsert("r1", sample("a"))]).await, [true]);
}

/// INV-LOO-1: after that time nothing is an echo, and having asked in between does not prolong it.
pub async fn late_echo_is_no_echo<F: LoopbackFixture>(_long: F) {
    let f = F::fresh(SHORT).await.unwrap();
    f.record(&scope(), &[("r1".into(), &sample("a")), ("r2".into(), &sample("a"))]).await;
    f.pass(SHORT / 2).await;
    answers(&f, &[Change::upsert("r2", sample("a"))]).await;
    f.pass(SHORT).await;
    let echoes = ["r1", "r2"].map(|id| Change::upsert(id, sample("a")));
    assert_eq!(answers(&f, &echoes).await, [false, false]);
}

/// R6: a full batch costs as many requests as a small one.
pub async fn thousands_of_changes_cost_a_few_requests<F: LoopbackFixture>(f: F) {
    let ids = ids(2_000);
    let (ours, other) = (sample("a"), sample("b"));
    let writes: Vec<_> = ids.iter().map(|id| (id.clone(), &ours)).collect();
    f.record(&scope(), &writes).await;
    // Every third has changed meanwhile.
    let changes: Vec<_> = ids
        .iter()
        .enumerate()
        .map(|(i, id)| Change::upsert(id.clone(), if i % 3 == 0 { other.clone() } else { ours.clone() }))
        .collect();
    let before = f.requests();
    let echoes = answers(&f, &changes).await;
    if let (Some(before), Some(after)) = (before, f.requests()) {
        assert!((1..=4).contains(&(after - before)), "{} requests", after - before);
    }
    assert!(echoes.iter().enumerate().all(|(i, echo)| *echo == (i % 3 != 0)) && echoes.len() == 2_000);
}

async fn answers<F: LoopbackFixture>(f: &F, changes: &[Change<Sample>]) -> Vec<bool> {
    ask(f, &scope(), changes).await
}

async fn ask<F: LoopbackFixture>(f: &F, scope: &Scope, changes: &[Change<Sample>]) -> Vec<bool> {
    f.store().are_echoes(scope, changes).await.unwrap()
}

/// A scope of samples; each call is another subscription.
fn scope() -> Scope {
    place(None, "connection", "sample")
}

fn place(tenant: Option<&str>, connection: &str, entity: &'static str) -> Scope {
    Scope { entity, ..scope_of(&subscription(tenant, connection)) }
}

/// A record with something in every field.
fn sample(name: &str) -> Sample {
    let mut sample = Sample {
        name: Some(name.to_owned()),
        active: true,
        amount: Some(7),
        price: "12.50".parse().ok(),
        day: Some(at(0).date_naive()),
        moment: Some(at(0)),
        details: Some(json!({"city": "Köln", "geo": [50.9, 6]})),
        parent: Some("p1".into()),
        ..Sample::default()
    };
    sample.custom.set("Level__c", FieldValue::Text("8".into()));
    sample
}

/// The record with another value in one field.
fn differing_in(record: &Sample, field: usize) -> Sample {
    let mut other = record.clone();
    match Sample::FIELDS[field].name {
        "name" => other.name = None,
        "active" => other.active = false,
        "amount" => other.amount = Some(8),
        "price" => other.price = "12.51".parse().ok(),
        "day" => other.day = Some(at(86_400).date_naive()),
        "moment" => other.moment = Some(at(0) + chrono::TimeDelta::microseconds(1)),
        "details" => other.details = Some(json!({"city": "Köln", "geo": [6, 50.9]})),
        "parent" => other.parent = Some("p2".into()),
        unknown => panic!("the suite does not know the field {unknown}"),
    }
    other
}

fn unreadable() -> Payload<Sample> {
    Payload::Unreadable(Unreadable { reason: "amount is no number".into(), raw: "{}".into() })
}
