use super::*;
use crate::{FieldKind, RunId};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
}

fn text(name: &str) -> RemoteField {
    RemoteField {
        name: name.into(),
        label: Some(format!("Label of {name}")),
        remote_type: "string".to_owned(),
        kind: FieldKind::Text,
        calculated: false,
    }
}

fn number(name: &str) -> RemoteField {
    RemoteField { remote_type: "double".to_owned(), kind: FieldKind::Decimal, ..text(name) }
}

fn flag(name: &str) -> RemoteField {
    RemoteField { remote_type: "boolean".to_owned(), kind: FieldKind::Bool, ..text(name) }
}

const EVOLVE: CustomFieldPolicy = CustomFieldPolicy::EVOLVE;
const FREEZE: CustomFieldPolicy = CustomFieldPolicy { default: FieldContract::Freeze, fields: &[] };
const DISCARD: CustomFieldPolicy = CustomFieldPolicy { default: FieldContract::Discard, fields: &[] };

/// One field through a series of descriptions: after each, its drift as text and how it stands.
struct Course {
    known: Option<Vec<KnownField>>,
    now: i64,
}

impl Course {
    /// A catalogue that knows that there are no fields.
    fn of_nothing() -> Self {
        Self { known: Some(Vec::new()), now: 0 }
    }

    /// A catalogue that knows this field, with all its values here.
    fn of(field: RemoteField) -> Self {
        let mut course = Self { known: None, now: 0 };
        course.next(&EVOLVE, [field]);
        course.fill();
        course
    }

    fn next(&mut self, policy: &CustomFieldPolicy, remote: impl IntoIterator<Item = RemoteField>) -> String {
        self.now += 10;
        let compared = compare(self.known.take(), remote.into_iter().collect(), policy, at(self.now));
        let drift: Vec<_> = compared.drift.iter().map(ToString::to_string).collect();
        self.known = Some(compared.fields);
        drift.join("; ")
    }

    fn field(&mut self) -> &mut KnownField {
        &mut self.known.as_mut().unwrap()[0]
    }

    /// The backfill takes place.
    fn fill(&mut self) {
        let now = at(self.now);
        let done = FieldBackfill { state: BackfillState::Done, ..FieldBackfill::pending(now) };
        self.field().backfill = Some(done);
    }

    fn stands(&mut self) -> (FieldStanding, bool) {
        let field = self.field();
        (field.standing, field.awaits_backfill())
    }
}

use FieldStanding::{Discarded, Frozen, Kept, Taken};

#[test]
fn what_is_there_at_first_is_known_under_every_contract() {
    for (policy, expected) in [(EVOLVE, Taken), (FREEZE, Taken), (DISCARD, Discarded)] {
        let mut course = Course { known: None, now: 0 };
        assert_eq!(course.next(&policy, [text("A")]), "");
        assert_eq!(course.stands(), (expected, expected == Taken));
        assert_eq!((course.field().first_seen_at, course.field().last_seen_at), (at(10), at(10)));
    }
}

#[test]
fn new_field_goes_by_its_contract() {
    let mut course = Course::of_nothing();
    let said = course.next(&EVOLVE, [text("A")]);
    assert_eq!(said, "field A (string) is new: read from now on, and backfilled for records that are here");
    assert_eq!(course.stands(), (Taken, true));

    let mut course = Course::of_nothing();
    let said = course.next(&FREEZE, [text("A")]);
    assert_eq!(said, "field A (string) is new: not read, because custom fields are frozen");
    assert_eq!(course.stands(), (Frozen, false));
    assert_eq!(course.next(&FREEZE, [text("A")]), "", "it is told once");

    let mut course = Course::of_nothing();
    assert_eq!(course.next(&DISCARD, [text("A")]), "field A (string) is new: discarded");
    assert_eq!(course.stands(), (Discarded, false));
}

#[test]
fn field_has_a_contract_of_its_own() {
    let policy = CustomFieldPolicy {
        default: FieldContract::Freeze,
        fields: &[("B", FieldContract::Evolve), ("C", FieldContract::Discard)],
    };
    let mut course = Course::of_nothing();
    course.next(&policy, [text("C"), text("A"), text("B")]);
    let standings: Vec<_> = course.known.unwrap().into_iter().map(|field| field.standing).collect();
    assert_eq!(standings, [Frozen, Taken, Discarded]);
}

#[test]
fn field_that_stays_is_no_drift() {
    let mut course = Course::of(text("A"));
    let renamed = RemoteField { label: Some("Another".to_owned()), calculated: true, ..text("A") };
    assert_eq!(course.next(&EVOLVE, [renamed]), "");
    assert_eq!(course.stands(), (Taken, false));
    let field = course.field();
    assert_eq!((field.label.as_deref(), field.calculated), (Some("Another"), true));
    assert_eq!((field.first_seen_at, field.last_seen_at), (at(10), at(20)));
}

#[test]
fn field_that_goes_and_comes_back_is_told_once_each() {
    let mut course = Course::of(text("A"));
    assert_eq!(course.next(&EVOLVE, []), "field A is gone upstream: its values stay");
    assert_eq!(course.field().gone_at, Some(at(20)));
    assert_eq!(course.next(&EVOLVE, []), "");
    assert_eq!(course.field().gone_at, Some(at(20)));
    assert_eq!(course.field().last_seen_at, at(10));
    let said = course.next(&EVOLVE, [text("A")]);
    assert_eq!(said, "field A is back: read from now on, and backfilled for records that are here");
    assert_eq!(course.stands(), (Taken, true));
    assert_eq!((course.field().gone_at, course.field().first_seen_at), (None, at(10)));
}

#[test]
fn field_that_goes_before_its_backfill_needs_none() {
    let mut course = Course::of_nothing();
    course.next(&EVOLVE, [text("A")]);
    course.next(&EVOLVE, []);
    assert_eq!(course.field().backfill, None);
    course.next(&EVOLVE, [text("A")]);
    assert_eq!(course.stands(), (Taken, true));
}

#[test]
fn retyped_field_follows_under_evolve() {
    let mut course = Course::of(text("A"));
    let said = course.next(&EVOLVE, [number("A")]);
    assert_eq!(
        said,
        "field A changed from string to double: read from now on, and backfilled for records that are here"
    );
    assert_eq!(course.stands(), (Taken, true));
    let retyped = course.field().retyped.clone().unwrap();
    assert_eq!((&*retyped.from.name, retyped.from.kind, retyped.at), ("string", FieldKind::Text, at(20)));
}

#[test]
fn retyped_field_keeps_its_values_under_freeze_until_its_type_returns() {
    let mut course = Course::of(text("A"));
    let said = course.next(&FREEZE, [number("A")]);
    assert_eq!(said, "field A changed from string to double: its last values stay, because it is frozen");
    assert_eq!(course.stands(), (Kept, false));
    // However often it changes, what is kept are values of the first type.
    assert!(
        course.next(&FREEZE, [flag("A")]).starts_with("field A changed from double to boolean: its last")
    );
    assert_eq!(course.field().retyped.clone().unwrap().from.name, "string");
    let said = course.next(&FREEZE, [text("A")]);
    assert!(said.ends_with("read from now on, and backfilled for records that are here"), "{said}");
    assert_eq!(course.stands(), (Taken, true));
}

#[test]
fn retyped_field_stays_kept_while_nothing_changes() {
    let mut course = Course::of(text("A"));
    course.next(&FREEZE, [number("A")]);
    assert_eq!(course.next(&FREEZE, [number("A")]), "");
    assert_eq!(course.stands(), (Kept, false));
    // It is gone for a while, and is what it was.
    course.next(&FREEZE, []);
    course.next(&FREEZE, [number("A")]);
    assert_eq!(course.stands(), (Kept, false));
}

#[test]
fn field_that_was_not_taken_is_once_its_contract_evolves() {
    for not_taken in [FREEZE, DISCARD] {
        let mut course = Course::of_nothing();
        course.next(&not_taken, [text("A")]);
        let said = course.next(&EVOLVE, [text("A")]);
        assert!(said.starts_with("field A is under the contract evolve now: read from now on"), "{said}");
        assert_eq!(course.stands(), (Taken, true));
    }
    let mut course = Course::of(text("A"));
    course.next(&FREEZE, [number("A")]);
    course.next(&EVOLVE, [number("A")]);
    assert_eq!(course.stands(), (Taken, true));
}

#[test]
fn taken_field_stays_taken_under_freeze_and_goes_under_discard() {
    let mut course = Course::of(text("A"));
    assert_eq!(course.next(&FREEZE, [text("A")]), "");
    assert_eq!(course.stands(), (Taken, false));
    let said = course.next(&DISCARD, [text("A")]);
    assert_eq!(said, "field A is under the contract discard now: discarded");
    assert_eq!(
        course.next(&FREEZE, [text("A")]),
        "field A is under the contract freeze now: not read, because custom fields are frozen"
    );
}

#[test]
fn running_backfill_is_left_alone_by_what_stays() {
    let mut course = Course::of(text("A"));
    let running = FieldBackfill {
        state: BackfillState::Running,
        run: Some(RunId(uuid::Uuid::nil())),
        ..FieldBackfill::pending(at(15))
    };
    course.field().backfill = Some(running);
    course.next(&EVOLVE, [text("A")]);
    assert_eq!(course.field().backfill, Some(running));
    course.next(&EVOLVE, [number("A")]);
    assert_eq!(course.field().backfill, Some(FieldBackfill::pending(at(30))));
}

#[test]
fn without_rows_nothing_is_backfilled() {
    let mut compared = compare(Some(Vec::new()), vec![text("A"), number("B")], &EVOLVE, at(1));
    assert!(compared.calls_for_backfill(at(1)));
    compared.spare_backfill(at(1));
    assert!(compared.fields.iter().all(|field| field.backfill.is_none()));
    assert_eq!(compared.drift[0].to_string(), "field A (string) is new: read from now on");
}

#[test]
fn report_is_json_for_programs() {
    let compared = compare(Some(Vec::new()), vec![number("A")], &EVOLVE, at(1));
    let json = serde_json::to_value(&compared.drift).unwrap();
    let expected = serde_json::json!([{
        "name": "A", "label": "Label of A", "drift": "new", "type": {"type": "double", "kind": "decimal"},
        "contract": "evolve", "standing": "taken", "backfill": true,
    }]);
    assert_eq!(json, expected);
}
