//! Writers: one answer per write, and the CRM as the answers say.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::fixture::WriterFixture;
use crate::{
    Canonical, ExternalId, FieldSet, FieldValue, IntentId, LocalId, RemoteOp, RemoteWrite, Version, Written,
    field_index,
};

/// Texts that mean something to query languages, addresses, JSON, XML or templates.
const TEXTS: &[&str] = &[
    "O'Neil & Söhne",
    "a/b\\c?d=e#f%2Fg",
    "\"quoted\" {{x}} ${y} @{ref.id}",
    "' OR Name != '",
    "<b>x</b>;--",
    "line one\nline two\ttab",
    "日本語 🙂 e\u{301}",
    "+1 (555) 010-99",
];

/// Nothing to write is nothing answered.
pub async fn nothing_is_nothing<F: WriterFixture>(f: F) {
    assert_eq!(f.writer().write_many(&f.subscription(), &[]).await.unwrap(), []);
}

/// INV-WRI-1: every write has its answer, at its place, also where several calls are needed and kinds are mixed.
pub async fn answers_stand_where_their_writes_do<F: WriterFixture>(f: F) {
    let seeded = f.seed(4).await;
    let many = F::ROWS_PER_CALL + 3;
    let mut writes = vec![archive(&seeded[0]), update(&f, &seeded[1], "first", None)];
    writes.extend((0..many).map(|n| create(&f, n)));
    writes.extend([update(&f, &seeded[2], "second", None), archive(&seeded[3])]);
    let answers = write(&f, &writes).await;
    assert_eq!(answers.len(), writes.len());
    for (at, title) in [(1, "first"), (many + 2, "second")] {
        assert_eq!(text(&f, &done(&answers[at]), 0).await.as_deref(), Some(title));
    }
    let made: Vec<ExternalId> = answers[2..many + 2].iter().map(done).collect();
    assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), many, "two creates have the same id");
    for n in [0, many / 2, many - 1] {
        assert_eq!(text(&f, &made[n], 0).await, title_of(&f.sample(n)), "create {n}");
    }
    for at in [0, many + 3] {
        done(&answers[at]);
    }
    let mut expected: BTreeSet<ExternalId> = made.into_iter().collect();
    expected.extend([seeded[1].clone(), seeded[2].clone()]);
    assert_eq!(f.live().await.into_iter().collect::<BTreeSet<_>>(), expected);
}

/// INV-WRI-1: only what was made says so, and it says the id under which it is read.
pub async fn created_is_told_from_changed<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    let answers = write(&f, &[create(&f, 7), update(&f, &seeded[0], "new", None)]).await;
    let Written::Done { id, created: true, .. } = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(text(&f, id, 0).await, title_of(&f.sample(7)));
    assert!(
        matches!(&answers[1], Written::Done { id, created: false, .. } if *id == seeded[0]),
        "{answers:?}"
    );
}

/// INV-WRI-2: a record that the CRM refuses holds up no other, and (INV-WRI-1) is as before.
pub async fn refused_record_holds_up_no_other<F: WriterFixture>(f: F) {
    let seeded = f.seed(3).await;
    let mut bad = update(&f, &seeded[1], "never", None);
    if let RemoteOp::Update { record, fields, .. } = &mut bad.op {
        *fields = fields.union(f.spoil(record));
    }
    let mut bad_create = create(&f, 90);
    if let RemoteOp::Create { record, fields, .. } = &mut bad_create.op {
        *fields = fields.union(f.spoil(record));
    }
    let before = f.read(&seeded[1]).await.unwrap().0;
    let writes = [
        update(&f, &seeded[0], "a", None),
        bad,
        update(&f, &seeded[2], "c", None),
        bad_create,
        create(&f, 91),
    ];
    let answers = write(&f, &writes).await;
    for at in [1, 3] {
        let Written::Refused { code, reason } = &answers[at] else { panic!("{answers:?}") };
        assert!(!code.is_empty() && !reason.is_empty(), "{answers:?}");
        assert!(!reason.contains(F::SPOILT), "the reason quotes a value: {reason}");
    }
    for at in [0, 2, 4] {
        done(&answers[at]);
    }
    assert_eq!(f.read(&seeded[1]).await.unwrap().0, before);
    assert_eq!(text(&f, &seeded[2], 0).await.as_deref(), Some("c"));
    assert_eq!(f.live().await.len(), 4, "the refused create made a record, or held up its neighbour");
}

/// INV-WRI-3: the same create again finds the record that the first one made.
pub async fn create_again_finds_the_record<F: WriterFixture>(f: F) {
    assert!(f.writer().creates_by_key(), "the fixture's entity names no key field");
    let writes = [create(&f, 1), create(&f, 2)];
    let first: Vec<_> = write(&f, &writes).await.iter().map(done).collect();
    let second: Vec<_> = write(&f, &writes).await.iter().map(done).collect();
    assert_eq!(first, second);
    assert_eq!(f.live().await.len(), 2);
}

/// What creates have made is found by our keys, in order; what is not live is not found.
pub async fn made_records_are_found_by_key<F: WriterFixture>(f: F) {
    let (writer, subscription) = (f.writer(), f.subscription());
    assert_eq!(writer.find_made(&subscription, &[]).await.unwrap(), []);
    let many = F::ROWS_PER_CALL + 2;
    let writes: Vec<_> = (0..many).map(|n| create(&f, n)).collect();
    let made: Vec<ExternalId> = write(&f, &writes).await.iter().map(done).collect();
    done(&write(&f, &[archive(&made[1])]).await[0]);
    let mut keys: Vec<LocalId> = (0..many).rev().map(key).collect();
    keys.insert(1, LocalId::new(TEXTS[0]));
    let mut expected: Vec<Option<ExternalId>> = made.into_iter().rev().map(Some).collect();
    expected[many - 2] = None;
    expected.insert(1, None);
    let live = f.live().await;
    assert_eq!(writer.find_made(&subscription, &keys).await.unwrap(), expected);
    assert_eq!(f.live().await, live, "looking changes nothing");
}

/// INV-WRI-3: the same update again leaves the record as after the first.
pub async fn update_again_changes_nothing<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    let writes = [update(&f, &seeded[0], "new", None)];
    done(&write(&f, &writes).await[0]);
    let after = f.read(&seeded[0]).await.unwrap().0;
    done(&write(&f, &writes).await[0]);
    assert_eq!(f.read(&seeded[0]).await.unwrap().0, after);
}

/// INV-WRI-3: what is deleted already counts as deleted, and its neighbours are not held up.
pub async fn archive_again_is_no_error<F: WriterFixture>(f: F) {
    let seeded = f.seed(3).await;
    done(&write(&f, &[archive(&seeded[0])]).await[0]);
    let answers = write(&f, &[archive(&seeded[0]), archive(&seeded[1])]).await;
    assert!(matches!(answers[0], Written::Done { .. } | Written::Gone(_)), "{answers:?}");
    done(&answers[1]);
    assert_eq!(f.live().await, [seeded[2].clone()]);
}

/// INV-WRI-4: fields that are not named stay, whatever the record holds in them.
pub async fn fields_not_named_stay<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    let [first, second] = F::TEXTS;
    let mut before = f.read(&seeded[0]).await.unwrap().0;
    let mut record = F::Record::default();
    set(&mut record, first, FieldValue::Text("new".to_owned()));
    set(&mut record, second, FieldValue::Text("not to be sent".to_owned()));
    let fields = FieldSet::named::<F::Record>([first]);
    let op = RemoteOp::Update { id: seeded[0].clone(), record, fields, expected: None };
    done(&write(&f, &[intent(op)]).await[0]);
    set(&mut before, first, FieldValue::Text("new".to_owned()));
    assert_eq!(f.read(&seeded[0]).await.unwrap().0, before);
}

/// INV-WRI-4: custom fields that the record holds are written, null clears them, and others stay.
pub async fn custom_fields_are_written_one_by_one<F: WriterFixture>(f: F) {
    let [one, other] = [f.add_custom("suite_a").await, f.add_custom("suite_b").await];
    let seeded = f.seed(1).await;
    let custom = async |name: &str| {
        let record = f.read(&seeded[0]).await.unwrap().0;
        record.custom().and_then(|custom| custom.get(name).cloned()).unwrap_or_default()
    };
    let send = async |values: &[(&str, FieldValue)]| {
        let mut record = F::Record::default();
        let fields = record.custom_mut().expect("an entity with custom fields");
        values.iter().for_each(|(name, value)| fields.set(*name, value.clone()));
        let fields = FieldSet::EMPTY;
        let op = RemoteOp::Update { id: seeded[0].clone(), record, fields, expected: None };
        done(&write(&f, &[intent(op)]).await[0]);
    };
    let text = |text: &str| FieldValue::Text(text.to_owned());
    send(&[(&one, text("x")), (&other, text("y"))]).await;
    assert_eq!([custom(&one).await, custom(&other).await], [text("x"), text("y")]);
    send(&[(&one, FieldValue::Null)]).await;
    assert_eq!([custom(&one).await, custom(&other).await], [FieldValue::Null, text("y")]);
}

/// Null clears a named field.
pub async fn null_clears<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    assert!(text(&f, &seeded[0], 1).await.is_some(), "the seed has no value to clear");
    let fields = FieldSet::named::<F::Record>([F::TEXTS[1]]);
    let op = RemoteOp::Update { id: seeded[0].clone(), record: F::Record::default(), fields, expected: None };
    done(&write(&f, &[intent(op)]).await[0]);
    assert_eq!(text(&f, &seeded[0], 1).await, None);
}

/// INV-WRI-1: a record that was changed since is not written over, alone or among others.
pub async fn stale_record_is_not_written_over<F: WriterFixture>(f: F) {
    let seeded = f.seed(3).await;
    let old = version(&f, &seeded[0]).await;
    f.edit(&seeded[0], F::TEXTS[0], "theirs").await;
    let present = version(&f, &seeded[1]).await;
    assert_eq!(write(&f, &[update(&f, &seeded[0], "ours", old)]).await, [Written::Stale]);
    let writes = [
        update(&f, &seeded[2], "free", None),
        update(&f, &seeded[0], "ours", old),
        update(&f, &seeded[1], "fresh", present),
    ];
    let answers = write(&f, &writes).await;
    assert_eq!(answers[1], Written::Stale);
    assert_eq!((done(&answers[0]), done(&answers[2])), (seeded[2].clone(), seeded[1].clone()));
    assert_eq!(text(&f, &seeded[0], 0).await.as_deref(), Some("theirs"));
    assert_eq!(text(&f, &seeded[1], 0).await.as_deref(), Some("fresh"));
}

/// INV-WRI-1: the version that a record has lets the write through, alone as well.
pub async fn present_version_is_written_over<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    f.edit(&seeded[0], F::TEXTS[0], "theirs").await;
    let present = version(&f, &seeded[0]).await;
    assert!(present.is_some(), "the fixture reads no versions");
    done(&write(&f, &[update(&f, &seeded[0], "ours", present)]).await[0]);
    assert_eq!(text(&f, &seeded[0], 0).await.as_deref(), Some("ours"));
}

/// INV-WRI-1: an update of a record that is gone says so and makes none, with and without a version.
pub async fn gone_record_is_told<F: WriterFixture>(f: F) {
    let seeded = f.seed(3).await;
    let last = version(&f, &seeded[0]).await;
    f.delete(&seeded[0]).await;
    for expected in [None, last] {
        let writes = [update(&f, &seeded[0], "ours", expected), update(&f, &seeded[1], "other", None)];
        let answers = write(&f, &writes).await;
        assert!(matches!(answers[0], Written::Gone(_)), "{answers:?}");
        done(&answers[1]);
        let alone = write(&f, &writes[..1]).await;
        assert!(matches!(alone[0], Written::Gone(_)), "{alone:?}");
    }
    assert_eq!(f.live().await.len(), 2);
}

/// INV-WRI-1, INV-WRI-3: where the answer is lost, no row is called unwritten, and writing again finds what there is.
pub async fn lost_answer_is_unknown<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    let writes = [create(&f, 1), create(&f, 2), update(&f, &seeded[0], "ours", None)];
    f.lose_an_answer().await;
    let answers = write(&f, &writes).await;
    assert!(
        answers.iter().all(|answer| matches!(answer, Written::Done { .. } | Written::Unknown { .. })),
        "{answers:?}"
    );
    assert!(
        answers.iter().any(|answer| matches!(answer, Written::Unknown { .. })),
        "nothing was lost: {answers:?}"
    );
    write(&f, &writes).await.iter().for_each(|answer| drop(done(answer)));
    assert_eq!(f.live().await.len(), 3);
    assert_eq!(text(&f, &seeded[0], 0).await.as_deref(), Some("ours"));
}

/// What stands in a value stays a value, in the field's text and in the key.
pub async fn any_text_arrives_as_it_is<F: WriterFixture>(f: F) {
    let mut writes = Vec::new();
    for (n, one) in TEXTS.iter().enumerate() {
        let mut record = f.sample(n);
        set(&mut record, F::TEXTS[0], FieldValue::Text((*one).to_owned()));
        let op = RemoteOp::Create { key: LocalId::new(*one), record, fields: f.writer().writable() };
        writes.push(intent(op));
    }
    let first = write(&f, &writes).await;
    for (answer, one) in first.iter().zip(TEXTS) {
        assert_eq!(text(&f, &done(answer), 0).await.as_deref(), Some(*one));
    }
    let again: Vec<_> = write(&f, &writes).await.iter().map(done).collect();
    assert_eq!(again, first.iter().map(done).collect::<Vec<_>>(), "a key is not what was sent");
    assert_eq!(f.live().await.len(), TEXTS.len());
}

/// Fields that the writer does not name as writable are never sent: naming all of them is no error.
pub async fn other_fields_are_never_sent<F: WriterFixture>(f: F) {
    let seeded = f.seed(1).await;
    let before = f.read(&seeded[0]).await.unwrap().0;
    let writable = f.writer().writable();
    let mut record = before.clone();
    set(&mut record, F::TEXTS[0], FieldValue::Text("new".to_owned()));
    let fields = FieldSet::all::<F::Record>();
    let op = RemoteOp::Update { id: seeded[0].clone(), record, fields, expected: None };
    done(&write(&f, &[intent(op)]).await[0]);
    let after = f.read(&seeded[0]).await.unwrap().0;
    assert_eq!(text(&f, &seeded[0], 0).await.as_deref(), Some("new"));
    for field in fields.without(writable).iter() {
        assert_eq!(after.value(field), before.value(field), "{}", F::Record::FIELDS[field].name);
    }
    assert!(
        !fields.without(writable).is_empty(),
        "the fixture's entity can be written whole, so nothing is shown"
    );
}

async fn write<F: WriterFixture>(f: &F, writes: &[RemoteWrite<F::Record>]) -> Vec<Written> {
    f.writer().write_many(&f.subscription(), writes).await.unwrap()
}

fn intent<T>(op: RemoteOp<T>) -> RemoteWrite<T> {
    RemoteWrite { intent: IntentId(Uuid::now_v7()), op }
}

fn key(n: usize) -> LocalId {
    LocalId::from(Uuid::from_u128(n as u128 + 1))
}

fn create<F: WriterFixture>(f: &F, n: usize) -> RemoteWrite<F::Record> {
    intent(RemoteOp::Create { key: key(n), record: f.sample(n), fields: f.writer().writable() })
}

fn update<F: WriterFixture>(
    _: &F,
    id: &ExternalId,
    title: &str,
    expected: Option<Version>,
) -> RemoteWrite<F::Record> {
    let mut record = F::Record::default();
    set(&mut record, F::TEXTS[0], FieldValue::Text(title.to_owned()));
    let fields = FieldSet::named::<F::Record>([F::TEXTS[0]]);
    intent(RemoteOp::Update { id: id.clone(), record, fields, expected })
}

fn archive<T>(id: &ExternalId) -> RemoteWrite<T> {
    intent(RemoteOp::Archive { id: id.clone() })
}

fn set<T: Canonical>(record: &mut T, field: &str, value: FieldValue) {
    record.set(field_index::<T>(field).unwrap(), value).unwrap();
}

/// The id of a write that was done.
fn done(answer: &Written) -> ExternalId {
    match answer {
        Written::Done { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    }
}

fn title_of<T: Canonical>(record: &T) -> Option<String> {
    record.title().map(str::to_owned)
}

async fn text<F: WriterFixture>(f: &F, id: &ExternalId, which: usize) -> Option<String> {
    let record = f.read(id).await?.0;
    match record.value(field_index::<F::Record>(F::TEXTS[which]).unwrap()).to_owned() {
        FieldValue::Text(text) => Some(text),
        _ => None,
    }
}

async fn version<F: WriterFixture>(f: &F, id: &ExternalId) -> Option<Version> {
    f.read(id).await.unwrap().1
}
