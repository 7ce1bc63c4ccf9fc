//! Deciding what is sent, without sending it.

use std::collections::{BTreeSet, HashMap};

use super::fields;
use super::stance::{Asked, Stance, instant_of};
use crate::{
    Canonical, ChangedFields, Conflict, ConflictKind, ConflictPolicy, DeleteEvidence, EditId, EditOperation,
    ExternalId, Fetched, FieldSet, FoldedEdit, FoldedField, Intent, IntentId, LocalEdit, LocalId, LocalRow,
    RemoteOp, Standing, Verdict, Version, field_index, is_placeholder,
};

/// A record whose edits are due.
pub(super) struct Claim<T> {
    pub folded: FoldedEdit,
    pub edits: Vec<LocalEdit>,
    /// The last edit there is, which of a create in doubt is not looked at yet.
    pub last: EditId,
    pub standing: Option<Standing>,
    pub conflicts: Vec<Conflict>,
    pub row: Option<LocalRow<T>>,
}

impl<T> Claim<T> {
    /// Our key of the record, by which a CRM that can makes it or finds it.
    pub(super) fn key(&self) -> LocalId {
        let own = self.row.as_ref().map(|row| row.local_id.clone());
        own.unwrap_or_else(|| LocalId::new(self.folded.external_id.as_str()))
    }
}

/// What will be done about it.
pub(super) struct Step<T> {
    pub claim: Claim<T>,
    pub what: What<T>,
    /// What the CRM held when this was decided.
    pub remote: Option<(T, Option<Version>)>,
    /// What it holds after an update that was sent again.
    pub held_after: Option<T>,
    /// Fields that wait for a person.
    pub held: BTreeSet<String>,
    /// Fields in which the CRM counts.
    pub taken: BTreeSet<String>,
    pub asks: Vec<Asked>,
    pub notes: Vec<String>,
}

pub(super) enum What<T> {
    /// Send it.
    Send { op: RemoteOp<T>, intent: Intent },
    /// Nothing is to be sent: both sides agree, or the CRM's values are taken.
    Settle,
    /// The CRM's deletion is taken.
    DeleteHere(DeleteEvidence),
    /// The CRM's record is taken whole, over our deletion.
    RestoreHere,
    /// A create is given up.
    GiveUp,
    /// A person decides.
    Hold,
    /// It can't be decided yet.
    Wait { class: &'static str, reason: String },
}

/// Whether a create may have taken place although nobody knows what it made.
enum Doubt {
    /// It did not, or what it made is found by our key.
    None,
    /// A person says that what was to be made is in the CRM, or is not to be.
    GivenUp,
    /// A person is asked.
    Asked,
}

/// What all records of a batch are decided by.
pub(super) struct Rules<'a> {
    pub policy: &'a ConflictPolicy,
    pub writable: FieldSet,
    pub creates_by_key: bool,
    /// What became of placeholders.
    pub adopted: &'a HashMap<ExternalId, ExternalId>,
    pub next_id: &'a dyn Fn() -> uuid::Uuid,
    pub now: chrono::DateTime<chrono::Utc>,
}

/// Of a create in doubt, only what was sent is looked at until it is known what became of it.
pub(super) fn restrict(edits: Vec<LocalEdit>, standing: Option<&Standing>) -> Vec<LocalEdit> {
    match standing.and_then(|standing| standing.intent.as_ref()) {
        Some(intent)
            if intent.operation == EditOperation::Create
                && edits.iter().any(|edit| intent.edits.contains(&edit.id)) =>
        {
            edits.into_iter().filter(|edit| intent.edits.contains(&edit.id)).collect()
        }
        _ => edits,
    }
}

impl<T: Canonical> Step<T> {
    pub(super) fn decide(claim: Claim<T>, fetched: Option<Fetched<T>>, rules: &Rules<'_>) -> Self {
        let mut step = Self::undecided(claim);
        step.what = match (step.claim.folded.operation, fetched) {
            // Of what the CRM never had, nothing is left.
            (None, _) if is_placeholder(&step.claim.folded.external_id) => What::Settle,
            (Some(EditOperation::Create), _) => step.create(rules),
            (_, None) => wait("no_answer", "the CRM gave no answer for the record"),
            (_, Some(Fetched::Unreadable(unreadable))) => wait("unreadable", &unreadable.reason),
            (None, Some(Fetched::Outside)) => What::Settle,
            (Some(_), Some(Fetched::Outside)) => {
                wait("outside", "the filters of the feed leave the record out")
            }
            (Some(EditOperation::Update), Some(Fetched::Gone(evidence))) => step.gone(evidence, rules),
            (None | Some(EditOperation::Delete), Some(Fetched::Gone(evidence))) => What::DeleteHere(evidence),
            // The edits were taken back. What came in meanwhile was left out on their account, so it is taken now.
            (None, Some(Fetched::Found { record, version })) => {
                step.remote = Some((record, version));
                What::Settle
            }
            (Some(EditOperation::Update), Some(Fetched::Found { record, version })) => {
                let what = step.update(&record, version, rules);
                step.remote = Some((record, version));
                what
            }
            (Some(EditOperation::Delete), Some(Fetched::Found { record, version })) => {
                let what = step.delete(&record, version, rules);
                step.remote = Some((record, version));
                what
            }
        };
        step
    }

    /// Nothing is known yet but what is claimed.
    pub(super) const fn undecided(claim: Claim<T>) -> Self {
        Self {
            claim,
            what: What::Settle,
            remote: None,
            held_after: None,
            held: BTreeSet::new(),
            taken: BTreeSet::new(),
            asks: Vec::new(),
            notes: Vec::new(),
        }
    }

    fn stance<'a>(&'a self, rules: &'a Rules<'_>, version: Option<Version>) -> Stance<'a> {
        Stance {
            policy: rules.policy,
            conflicts: &self.claim.conflicts,
            intent: self.claim.standing.as_ref().and_then(|standing| standing.intent.as_ref()),
            remote_at: instant_of(version),
        }
    }

    fn intent(&self, rules: &Rules<'_>, operation: EditOperation, fields: ChangedFields) -> Intent {
        let earlier = self.claim.standing.as_ref().and_then(|standing| standing.intent.as_ref());
        let again =
            earlier.filter(|earlier| earlier.operation == operation && operation == EditOperation::Create);
        Intent {
            id: again.map_or_else(|| IntentId((rules.next_id)()), |earlier| earlier.id),
            operation,
            fields,
            edits: self.claim.folded.edits.clone(),
            version: self.remote.as_ref().and_then(|(_, version)| *version),
            at: rules.now,
        }
    }

    /// The values to be sent, with links to what the CRM calls the parents; the first parent that it does not have.
    fn linked(
        &self,
        rules: &Rules<'_>,
        record: &mut T,
        names: impl Iterator<Item = String>,
    ) -> Result<(), ExternalId> {
        for name in names {
            let value = fields::get(record, &name);
            if let Some(parent) = fields::placeholder_in::<T>(&name, value.as_ref()) {
                let real = rules.adopted.get(&parent).ok_or(parent)?;
                fields::set(record, &name, &crate::FieldValue::Text(real.to_string()));
            }
        }
        Ok(())
    }

    fn create(&mut self, rules: &Rules<'_>) -> What<T> {
        match self.doubt(rules) {
            Doubt::None => {}
            Doubt::GivenUp => return What::GiveUp,
            Doubt::Asked => return What::Hold,
        }
        let record = self.claim.row.as_ref().map(|row| row.record.clone()).unwrap_or_default();
        self.made(record, rules)
    }

    /// Whether a create of the record may have taken place already, the first one or the one that makes it anew: without
    /// a key to find what it made, it is sent again only if a person says so.
    fn doubt(&mut self, rules: &Rules<'_>) -> Doubt {
        let stance = self.stance(rules, None);
        let in_doubt = stance.intent.is_some_and(|intent| intent.operation == EditOperation::Create);
        if !in_doubt || rules.creates_by_key {
            return Doubt::None;
        }
        match stance.decided_doubt() {
            Some(Verdict::Local) => {
                self.notes.push("sent again, as was decided".to_owned());
                Doubt::None
            }
            Some(_) => Doubt::GivenUp,
            None => {
                self.ask(Asked::record(ConflictKind::CreateInDoubt), rules);
                Doubt::Asked
            }
        }
    }

    fn made(&self, mut record: T, rules: &Rules<'_>) -> What<T> {
        for edited in &self.claim.folded.fields {
            fields::set(&mut record, &edited.field, &edited.to);
        }
        let names = T::FIELDS.iter().map(|field| field.name.to_owned());
        if let Err(parent) = self.linked(rules, &mut record, names) {
            return wait("parent", &format!("its parent {parent} is not in the CRM yet"));
        }
        let (mut sent, mut changed) = (FieldSet::EMPTY, ChangedFields::default());
        for field in rules.writable.iter().filter(|field| *field < T::FIELDS.len()) {
            let value = record.value(field);
            if !value.is_null() {
                sent.insert(field);
                changed.push(T::FIELDS[field].name, crate::FieldValue::Null, value.to_owned());
            }
        }
        let key = self.claim.key();
        let intent = self.intent(rules, EditOperation::Create, changed);
        What::Send { op: RemoteOp::Create { key, record, fields: sent }, intent }
    }

    fn gone(&mut self, evidence: DeleteEvidence, rules: &Rules<'_>) -> What<T> {
        match self.stance(rules, None).record(None) {
            Verdict::Local | Verdict::Agreed => {
                match self.doubt(rules) {
                    Doubt::None => {}
                    Doubt::GivenUp => return What::DeleteHere(evidence),
                    Doubt::Asked => return What::Hold,
                }
                self.notes.push("deleted in the CRM but changed here; made anew".to_owned());
                let record = self.claim.row.as_ref().map(|row| row.record.clone()).unwrap_or_default();
                self.made(record, rules)
            }
            Verdict::Remote => What::DeleteHere(evidence),
            Verdict::Ask => {
                self.ask(Asked::record(ConflictKind::DeletedThere), rules);
                What::Hold
            }
        }
    }

    fn update(&mut self, remote: &T, version: Option<Version>, rules: &Rules<'_>) -> What<T> {
        let (mut ours, mut sent) = (remote.clone(), FieldSet::EMPTY);
        let mut changed = ChangedFields::default();
        if let Some(custom) = ours.custom_mut() {
            custom.retain(|_, _| false);
        }
        for edited in self.claim.folded.fields.clone() {
            let theirs = fields::get(remote, &edited.field);
            let edited = FoldedField { to: self.adopted_link(&edited, rules), ..edited };
            match self.stance(rules, version).field(&edited, theirs.as_ref()) {
                Verdict::Agreed => {}
                Verdict::Remote => drop(self.taken.insert(edited.field.to_string())),
                Verdict::Ask => {
                    self.held.insert(edited.field.to_string());
                    self.ask(Asked::field(&edited, theirs), rules);
                }
                Verdict::Local => match field_index::<T>(&edited.field) {
                    Some(field) if !rules.writable.contains(field) => {
                        self.notes.push(format!("the CRM does not take `{}`", edited.field));
                        self.taken.insert(edited.field.to_string());
                    }
                    own => {
                        fields::set(&mut ours, &edited.field, &edited.to);
                        changed.push(edited.field.clone(), theirs, edited.to.clone());
                        own.into_iter().for_each(|field| sent.insert(field));
                    }
                },
            }
        }
        if changed.is_empty() {
            return if self.held.is_empty() { What::Settle } else { What::Hold };
        }
        let names: Vec<String> = changed.iter().map(|change| change.field.to_string()).collect();
        if let Err(parent) = self.linked(rules, &mut ours, names.into_iter()) {
            return wait("parent", &format!("its parent {parent} is not in the CRM yet"));
        }
        let intent = Intent { version, ..self.intent(rules, EditOperation::Update, changed) };
        let id = self.claim.folded.external_id.clone();
        What::Send { op: RemoteOp::Update { id, record: ours, fields: sent, expected: version }, intent }
    }

    /// The value of a link by what the CRM calls the parent.
    fn adopted_link(&self, edited: &FoldedField, rules: &Rules<'_>) -> crate::FieldValue {
        fields::placeholder_in::<T>(&edited.field, edited.to.as_ref())
            .and_then(|parent| rules.adopted.get(&parent))
            .map_or_else(|| edited.to.clone(), |real| crate::FieldValue::Text(real.to_string()))
    }

    fn delete(&mut self, remote: &T, version: Option<Version>, rules: &Rules<'_>) -> What<T> {
        let changed = self.claim.folded.fields.iter().any(|edited| {
            field_index::<T>(&edited.field).is_some()
                && !fields::get(remote, &edited.field).as_ref().same(edited.from.as_ref())
        });
        let edited_at = self.claim.edits.last().map(|edit| edit.edit.at);
        let verdict = if changed { self.stance(rules, version).record(edited_at) } else { Verdict::Local };
        match verdict {
            Verdict::Local | Verdict::Agreed => {
                let intent =
                    Intent { version, ..self.intent(rules, EditOperation::Delete, ChangedFields::default()) };
                What::Send { op: RemoteOp::Archive { id: self.claim.folded.external_id.clone() }, intent }
            }
            Verdict::Remote => What::RestoreHere,
            Verdict::Ask => {
                self.ask(Asked::record(ConflictKind::DeletedHere), rules);
                What::Hold
            }
        }
    }

    fn ask(&mut self, asked: Asked, rules: &Rules<'_>) {
        if !self.stance(rules, None).is_asked(&asked) {
            self.asks.push(asked);
        }
    }

    /// Whether an update is sent whose earlier try may have reached the CRM.
    pub(super) fn is_update_sent_again(&self) -> bool {
        let earlier = self.claim.standing.as_ref().and_then(|standing| standing.intent.as_ref());
        matches!(self.what, What::Send { op: RemoteOp::Update { .. }, .. })
            && earlier.is_some_and(|earlier| earlier.operation == EditOperation::Update)
    }

    /// What the CRM will hold once the write is through, to tell its echo. Of a write in doubt that counts no longer, what
    /// the CRM holds: should somebody make of the record what that write would have made of it, that is no echo.
    pub(super) fn expected(&self) -> Option<(ExternalId, T)> {
        match (&self.what, &self.remote) {
            (What::Send { op: RemoteOp::Update { id, .. }, intent }, Some((remote, _))) => {
                let mut image = remote.clone();
                for change in intent.fields.iter() {
                    fields::set(&mut image, &change.field, &change.to);
                }
                Some((id.clone(), image))
            }
            (What::Settle, Some((remote, _))) => {
                self.claim.standing.as_ref()?.intent.as_ref()?;
                Some((self.claim.folded.external_id.clone(), remote.clone()))
            }
            _ => None,
        }
    }

    /// Decisions to send a create again are used up before it is sent: should its answer be lost again, it is asked again.
    pub(super) fn used_decisions(&self) -> impl Iterator<Item = crate::ConflictId> + '_ {
        let sends = matches!(self.what, What::Send { op: RemoteOp::Create { .. }, .. });
        let doubts =
            self.claim.conflicts.iter().filter(|conflict| conflict.kind == ConflictKind::CreateInDoubt);
        doubts.filter(move |_| sends).map(|conflict| conflict.id)
    }

    /// Questions that are no longer asked.
    pub(super) fn answered(&self) -> impl Iterator<Item = crate::ConflictId> + '_ {
        let holds_whole = matches!(self.what, What::Hold) && self.held.is_empty();
        let waits = matches!(self.what, What::Wait { .. });
        let over = move |conflict: &&Conflict| match &conflict.field {
            _ if waits => false,
            Some(field) => !self.held.contains(field),
            None => !holds_whole,
        };
        self.claim.conflicts.iter().filter(over).map(|conflict| conflict.id)
    }
}

fn wait<T>(class: &'static str, reason: &str) -> What<T> {
    What::Wait { class, reason: reason.to_owned() }
}
