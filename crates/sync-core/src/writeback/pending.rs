//! The inbound side: a record that comes while edits of it wait to be sent.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::fields;
use super::stance::{Asked, Stance, instant_of};
use crate::custom::CUSTOM_PREFIX;
use crate::{
    Canonical, Conflict, ConflictKind, ConflictPolicy, Coverage, EditOperation, ExternalId, FieldSet,
    FoldedEdit, Intent, LocalEdit, Record, Remainder, Scope, StoreError, UnitOfWork, Verdict, Version,
    WritebackPorts, field_index, fold_edits,
};

/// Why a change is left out.
pub(crate) const DELETED_HERE: &str = "deleted here; the deletion is on its way to the CRM";
const MADE_ANEW: &str = "deleted in the CRM but changed here; ours counts, it will be made anew";
const ASKS: &str = "one side deleted the record and the other changed it; a person decides";

/// What makes an engine respect edits that wait.
pub(crate) struct PendingEdits<S: UnitOfWork> {
    pub ports: WritebackPorts<S>,
    pub policy: ConflictPolicy,
}

impl<S: UnitOfWork> PendingEdits<S> {
    /// One look-up per batch, three where edits wait.
    pub(crate) async fn of(
        &self,
        tx: &mut S::Tx,
        scope: &Scope,
        ids: &[ExternalId],
    ) -> Result<HashMap<ExternalId, Pending>, StoreError> {
        let edits = self.ports.changes.edits_of(tx, scope, ids).await?;
        if edits.is_empty() {
            return Ok(HashMap::new());
        }
        let folded = fold_edits(&edits);
        let records: Vec<ExternalId> = folded.iter().map(|folded| folded.external_id.clone()).collect();
        let standings = self.ports.changes.standings(tx, scope, &records).await?;
        let conflicts = self.ports.conflicts.conflicts_of(tx, scope, &records).await?;
        let pending = folded.into_iter().map(|folded| {
            let id = folded.external_id.clone();
            let own = edits.iter().filter(|edit| edit.edit.external_id == id).cloned().collect();
            let intent = standings.iter().find(|s| s.external_id == id).and_then(|s| s.intent.clone());
            let conflicts = conflicts.iter().filter(|c| c.external_id == id).cloned().collect();
            let policy = self.policy;
            (id, Pending { edits: own, folded, intent, conflicts, policy, outcome: Outcome::default() })
        });
        Ok(pending.collect())
    }
}

/// The edits of one record that wait, while changes of it are decided.
pub(crate) struct Pending {
    edits: Vec<LocalEdit>,
    folded: FoldedEdit,
    intent: Option<Intent>,
    conflicts: Vec<Conflict>,
    policy: ConflictPolicy,
    pub outcome: Outcome,
}

/// What became of them.
#[derive(Default)]
pub(crate) struct Outcome {
    /// Fields that wait no longer.
    done: BTreeSet<String>,
    /// Nothing of the record waits any longer.
    all_done: bool,
    pub asks: Vec<Asked>,
}

/// What to do with a change as a whole.
pub(crate) enum Reception {
    Apply,
    Skip(Cow<'static, str>),
}

impl Pending {
    fn stance(&self, version: Option<Version>) -> Stance<'_> {
        Stance {
            policy: &self.policy,
            conflicts: &self.conflicts,
            intent: self.intent.as_ref(),
            remote_at: instant_of(version),
        }
    }

    /// Decides a record that came: fields of ours that count are taken out of what was sent, fields on which both sides
    /// agree are put back in the row's image, so that the audit tells the step.
    pub(crate) fn receive<T: Canonical>(
        &mut self,
        record: &mut Record<T>,
        image: Option<&mut T>,
        version: Option<Version>,
    ) -> Reception {
        match self.folded.operation {
            Some(EditOperation::Delete) => self.receive_deleted(record, image, version),
            Some(EditOperation::Update) => {
                self.receive_edited(record, image, version);
                Reception::Apply
            }
            Some(EditOperation::Create) | None => Reception::Apply,
        }
    }

    fn receive_edited<T: Canonical>(
        &mut self,
        record: &mut Record<T>,
        mut image: Option<&mut T>,
        version: Option<Version>,
    ) {
        let sent = record.sent();
        let mut kept = FieldSet::EMPTY;
        for edited in std::mem::take(&mut self.folded.fields) {
            let own = field_index::<T>(&edited.field);
            let custom = edited.field.strip_prefix(CUSTOM_PREFIX);
            let is_sent = match (own, custom) {
                (Some(field), _) => sent.contains(field),
                (None, Some(name)) => record.value.custom().is_some_and(|all| all.get(name).is_some()),
                (None, None) => false,
            };
            if !is_sent {
                self.folded.fields.push(edited);
                continue;
            }
            let remote = fields::get(&record.value, &edited.field);
            let stance = self.stance(version);
            match stance.field(&edited, remote.as_ref()) {
                Verdict::Agreed => {
                    if let Some(image) = image.as_deref_mut() {
                        fields::set(image, &edited.field, &edited.from);
                    }
                    self.outcome.done.insert(edited.field.to_string());
                    continue;
                }
                Verdict::Remote => {
                    self.outcome.done.insert(edited.field.to_string());
                    continue;
                }
                Verdict::Local => {}
                Verdict::Ask => {
                    let asked = Asked::field(&edited, remote);
                    let known = stance.is_asked(&asked);
                    self.outcome.ask(asked, known);
                }
            }
            if let Some(field) = own {
                kept.insert(field);
            } else if let (Some(name), Some(all)) = (custom, record.value.custom_mut()) {
                all.remove(name);
            }
            self.folded.fields.push(edited);
        }
        if !kept.is_empty() {
            record.coverage = Coverage::Partial(sent.without(kept));
        }
        self.outcome.all_done |= self.folded.fields.is_empty();
    }

    fn receive_deleted<T: Canonical>(
        &mut self,
        record: &Record<T>,
        image: Option<&mut T>,
        version: Option<Version>,
    ) -> Reception {
        let sent = record.sent();
        let changed = self.folded.fields.iter().any(|edited| {
            let is_sent = field_index::<T>(&edited.field).is_some_and(|field| sent.contains(field));
            is_sent && !fields::get(&record.value, &edited.field).as_ref().same(edited.from.as_ref())
        });
        if !changed {
            return Reception::Skip(DELETED_HERE.into());
        }
        let at = self.edits.last().map(|edit| edit.edit.at);
        match self.stance(version).record(at) {
            Verdict::Local | Verdict::Agreed => Reception::Skip(DELETED_HERE.into()),
            Verdict::Remote => {
                if let Some(image) = image {
                    fields::take_back(image, &self.edits);
                }
                self.give_up();
                Reception::Apply
            }
            Verdict::Ask => self.ask_whole(ConflictKind::DeletedHere),
        }
    }

    /// Decides a deletion that came. The row is to be looked at as live when the deletion is ours as well.
    pub(crate) fn receive_deletion(&mut self, deleted: &mut bool) -> Reception {
        match self.folded.operation {
            Some(EditOperation::Delete) => {
                *deleted = false;
                self.give_up();
                Reception::Apply
            }
            Some(EditOperation::Update) => match self.stance(None).record(None) {
                Verdict::Local | Verdict::Agreed => Reception::Skip(MADE_ANEW.into()),
                Verdict::Remote => {
                    self.give_up();
                    Reception::Apply
                }
                Verdict::Ask => self.ask_whole(ConflictKind::DeletedThere),
            },
            Some(EditOperation::Create) | None => Reception::Apply,
        }
    }

    fn give_up(&mut self) {
        self.outcome.all_done = true;
        self.folded.operation = None;
        self.folded.fields.clear();
    }

    fn ask_whole(&mut self, kind: ConflictKind) -> Reception {
        let asked = Asked::record(kind);
        let known = self.stance(None).is_asked(&asked);
        self.outcome.ask(asked, known);
        Reception::Skip(ASKS.into())
    }

    /// What is left of the edits; `None` when nothing changed.
    pub(crate) fn remainder(&self) -> Option<Remainder> {
        let outcome = &self.outcome;
        if outcome.all_done {
            return Some(Remainder {
                gone: self.edits.iter().map(|edit| edit.id).collect(),
                shrunk: Vec::new(),
            });
        }
        (!outcome.done.is_empty()).then(|| Remainder::of(&self.edits, |field| !outcome.done.contains(field)))
    }

    /// Whether nothing of the record waits any longer.
    pub(crate) fn is_over(&self) -> bool {
        self.outcome.all_done
    }

    /// Questions that are settled by what came.
    pub(crate) fn answered(&self) -> impl Iterator<Item = crate::ConflictId> + '_ {
        let over = |conflict: &&Conflict| {
            self.outcome.all_done
                || conflict.field.as_ref().is_some_and(|field| self.outcome.done.contains(field))
        };
        self.conflicts.iter().filter(over).map(|conflict| conflict.id)
    }
}

impl Outcome {
    fn ask(&mut self, asked: Asked, known: bool) {
        self.asks.retain(|earlier| earlier.field != asked.field);
        if !known {
            self.asks.push(asked);
        }
    }
}
