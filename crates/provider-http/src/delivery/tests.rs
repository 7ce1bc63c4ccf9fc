use std::time::Duration;

use super::*;
use crate::HttpError;

/// A row of kind `k`; calls of kind 1 take two rows, those of others three.
#[derive(Debug)]
struct Row {
    at: usize,
    kind: u8,
}

impl DeliveryRow for Row {
    fn at(&self) -> usize {
        self.at
    }

    fn kind(&self) -> u8 {
        self.kind
    }

    fn per_call(&self) -> usize {
        if self.kind == 1 { 2 } else { 3 }
    }
}

/// Rows of these kinds; kind 9 has its answer already.
fn delivery(kinds: &[u8]) -> Delivery<Row> {
    let (mut delivery, rows) = Delivery::prepare(kinds, |at, kind| match kind {
        9 => Err(Written::Stale),
        kind => Ok(Row { at, kind: *kind }),
    });
    delivery.queue(rows);
    delivery
}

fn next(delivery: &mut Delivery<Row>) -> Vec<usize> {
    delivery.next_call().into_iter().flatten().map(|row| row.at).collect()
}

fn done() -> Written {
    Written::Done { id: "1".into(), version: Some(sync_core::Version(7)), created: false }
}

fn throttled() -> CallError {
    CallError::Http(HttpError::Throttled { call: "write", retry_after: Duration::from_secs(5) })
}

fn lost() -> CallError {
    CallError::Garbled { call: "write", what: "half an answer".to_owned() }
}

fn source(error: CallError) -> SourceError {
    error.into_source(&crate::Budget::default(), "the app", |_, _, _, _| unreachable!())
}

#[test]
fn neighbours_of_one_kind_share_a_call_up_to_its_limit() {
    let mut delivery = delivery(&[0, 0, 0, 0, 9, 1, 1, 1, 0]);
    for expected in [vec![0, 1, 2], vec![3], vec![5, 6], vec![7], vec![8], vec![]] {
        assert_eq!(next(&mut delivery), expected);
    }
    let answers = delivery.into_answers();
    assert_eq!(answers[4], Written::Stale);
    assert!(matches!(answers[0], Written::Unknown { .. }), "nobody answered it: {answers:?}");
}

#[test]
fn rows_that_are_queued_later_are_sent_later() {
    let mut delivery = delivery(&[0, 1]);
    delivery.queue(vec![Row { at: 1, kind: 2 }]);
    assert_eq!([next(&mut delivery), next(&mut delivery), next(&mut delivery)], [vec![0], vec![1], vec![1]]);
}

#[test]
fn lost_answer_leaves_the_open_rows_of_its_call_unknown_and_the_others_go_on() {
    let mut delivery = delivery(&[1, 1, 1]);
    next(&mut delivery);
    delivery.put(1, done());
    delivery.failed(lost(), source).unwrap();
    assert_eq!(next(&mut delivery), [2]);
    delivery.put(2, done());
    let unknown = Written::Unknown { reason: "write: half an answer".to_owned() };
    assert_eq!(delivery.into_answers(), [unknown, done(), done()]);
}

#[test]
fn call_that_cannot_be_made_is_an_error_before_anything_was_written() {
    let mut delivery = delivery(&[1, 1, 1]);
    next(&mut delivery);
    let error = delivery.failed(throttled(), source).unwrap_err();
    assert!(matches!(error, SourceError::Throttled { .. }), "{error}");
}

#[test]
fn call_that_cannot_be_made_puts_the_rest_off_once_something_was_written() {
    for first in [true, false] {
        let mut delivery = delivery(&[1, 1, 1, 1, 1]);
        next(&mut delivery);
        if first {
            delivery.reached();
            delivery.put(0, done());
            delivery.put(1, done());
        } else {
            delivery.failed(lost(), source).unwrap();
        }
        next(&mut delivery);
        assert!(delivery.put_off().is_none());
        delivery.failed(throttled(), source).unwrap();
        assert!(delivery.put_off().is_some() && delivery.next_call().is_none());
        // What comes after that is put off as well.
        delivery.queue(vec![Row { at: 1, kind: 0 }]);
        assert!(delivery.next_call().is_none());
        let answers = delivery.into_answers();
        assert_eq!(matches!(answers[1], Written::Done { .. }), first, "{answers:?}");
        let later = |answer: &Written| matches!(answer, Written::Later { after: Some(after), .. } if after.as_secs() == 5);
        assert!(answers[2..].iter().all(later), "{answers:?}");
    }
}

#[test]
fn refused_call_is_halved_until_the_row_at_fault_stands_alone() {
    let mut delivery = delivery(&[0, 0, 0]);
    let rows = delivery.next_call().unwrap();
    assert!(delivery.refused(rows).is_none());
    // Its parts come next, in order.
    let first = delivery.next_call().unwrap();
    assert_eq!(delivery.refused(first).unwrap().at, 0);
    assert_eq!(next(&mut delivery), [1, 2]);
    // The refusal counts as an answer: from now on what was written has to be told.
    delivery.failed(throttled(), source).unwrap();
}

#[test]
fn rows_are_put_off_when_too_many_calls_were_refused() {
    let mut delivery = delivery(&[0; 3 * (SPLITS + 1)]);
    let mut calls = 0;
    while let Some(rows) = delivery.next_call() {
        calls += 1;
        if let Some(row) = delivery.refused(rows) {
            delivery.put(row.at, Written::Stale);
        }
    }
    let answers = delivery.into_answers();
    let count = |is: fn(&Written) -> bool| answers.iter().filter(|answer| is(answer)).count();
    // A call of three rows takes two splits, and three calls of a row each and one of two.
    assert_eq!(count(|answer| matches!(answer, Written::Stale)), 3 * SPLITS / 2);
    assert_eq!(count(|answer| matches!(answer, Written::Later { after: None, .. })), 3 * (SPLITS / 2 + 1));
    assert_eq!(calls, SPLITS / 2 * 5 + SPLITS / 2 + 1);
}

#[test]
fn version_of_a_row_that_changed_again_is_forgotten() {
    let mut delivery = delivery(&[0, 9]);
    delivery.put(0, done());
    delivery.forget_version(0);
    delivery.forget_version(1);
    let unversioned = Written::Done { id: "1".into(), version: None, created: false };
    assert_eq!(delivery.into_answers(), [unversioned, Written::Stale]);
}

#[test]
fn failed_look_changed_nothing() {
    let broken = HttpError::OutcomeUnknown { call: "read", source: "cut off".into() };
    let refused =
        HttpError::Refused { call: "read", status: 400, code: "X".to_owned(), body: Default::default() };
    for error in [lost(), CallError::Http(broken), throttled(), CallError::Http(refused)] {
        let call = error.call();
        let kind = std::mem::discriminant(&error);
        let was_clear = !error.may_have_taken_effect();
        let look = error.of_a_look();
        assert!(!look.may_have_taken_effect() && look.call() == call, "{look:?}");
        assert!(!was_clear || std::mem::discriminant(&look) == kind);
    }
}
