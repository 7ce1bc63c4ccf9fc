//! Changing rows and associations by hand.

use serde::{Deserialize, Serialize};

use super::HubspotControl;
use crate::hubspot::model::{Account, Pair, time};
use crate::hubspot::write::{LinkType, Properties, RowError, WriteOptions};

/// One change, as a list of them is given to [`HubspotControl::apply`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum RowChange {
    /// A new row.
    Insert {
        /// Its object.
        object: String,
        /// Values; `hs_object_id` and the create date may be given.
        properties: Properties,
    },
    /// New values for some properties.
    Update {
        /// The row's object.
        object: String,
        /// The row.
        id: u64,
        /// The values that change.
        properties: Properties,
    },
    /// Into the archive.
    Archive {
        /// The row's object.
        object: String,
        /// The row.
        id: u64,
    },
    /// Out of the archive.
    Restore {
        /// The row's object.
        object: String,
        /// The row.
        id: u64,
    },
    /// Gone for good, as a GDPR delete does it.
    Purge {
        /// The row's object.
        object: String,
        /// The row.
        id: u64,
    },
    /// `loser` lives on in `winner`.
    Merge {
        /// The rows' object.
        object: String,
        /// The row that stays.
        winner: u64,
        /// The row that goes.
        loser: u64,
    },
    /// Associates two rows.
    Associate {
        /// What is associated.
        #[serde(flatten)]
        link: LinkSpec,
    },
    /// Ends an association; with labels, only these are taken from it.
    Disassociate {
        /// What is no longer associated.
        #[serde(flatten)]
        link: LinkSpec,
    },
}

/// An association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// The first row's object.
    pub from_object: String,
    /// The first row.
    pub from: u64,
    /// The second row's object.
    pub to_object: String,
    /// The second row.
    pub to: u64,
    /// Labels, as people see them: `Primary`, `Decision maker`. None: just associated.
    #[serde(default)]
    pub labels: Vec<String>,
}

impl LinkSpec {
    /// An association without a label.
    #[must_use]
    pub fn new(from: (&str, u64), to: (&str, u64)) -> Self {
        Self {
            from_object: from.0.to_owned(),
            from: from.1,
            to_object: to.0.to_owned(),
            to: to.1,
            labels: Vec::new(),
        }
    }

    /// With this label; may be called several times.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.labels.push(label.to_owned());
        self
    }
}

/// Who changes rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeSource {
    /// A person.
    #[default]
    CrmUi,
    /// An import of a person.
    Import,
    /// A workflow.
    AutomationPlatform,
    /// The app with this id; 42 is the one that signs in here.
    Integration(u64),
}

impl ChangeSource {
    /// As written in history and webhooks, and the app.
    fn parts(self) -> (&'static str, Option<u64>) {
        match self {
            Self::CrmUi => ("CRM_UI", None),
            Self::Import => ("IMPORT", None),
            Self::AutomationPlatform => ("AUTOMATION_PLATFORM", None),
            Self::Integration(app) => ("API", Some(app)),
        }
    }
}

/// A list of changes that belong together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowChanges {
    /// Modified date of all of them, as `2026-01-02T10:04:05.123Z`; now when absent.
    pub stamp: Option<String>,
    /// Search finds the rows as they were for so many simulated milliseconds; the account's index lag when absent.
    pub index_after_ms: Option<u32>,
    /// Who makes them, as subscribers are told; a user of the account when absent.
    pub source: ChangeSource,
    /// The changes, carried out in order.
    pub ops: Vec<RowChange>,
}

/// Rows.
impl HubspotControl {
    /// Inserts a row and returns its id. Any text goes, also values the API would refuse.
    ///
    /// # Errors
    /// When the object or a property is unknown, or the property is computed.
    pub fn insert(&self, object: &str, properties: &Properties) -> Result<u64, RowError> {
        self.edit(|account| {
            let object = account.object_or_refuse(object)?;
            account.create(object, properties, WriteOptions::admin())
        })
    }

    /// Changes values of a live row; as [`HubspotControl::insert`].
    ///
    /// # Errors
    /// Also when the row is missing or archived.
    pub fn update(&self, object: &str, id: u64, properties: &Properties) -> Result<(), RowError> {
        self.edit(|account| {
            let object = account.object_or_refuse(object)?;
            account.update(object, id, properties, WriteOptions::admin())
        })
    }

    /// Updates the row if there is one with this id, else inserts it under it.
    ///
    /// # Errors
    /// As [`HubspotControl::insert`].
    pub fn upsert(&self, object: &str, id: u64, properties: &Properties) -> Result<(), RowError> {
        self.edit(|account| {
            let object = account.object_or_refuse(object)?;
            if account.tables[object].row(id).is_some() {
                return account.update(object, id, properties, WriteOptions::admin());
            }
            let mut properties = properties.clone();
            properties.insert("hs_object_id".to_owned(), id.to_string().into());
            account.create(object, &properties, WriteOptions::admin()).map(|_| ())
        })
    }

    /// Archives a row.
    ///
    /// # Errors
    /// When it is missing or archived already.
    pub fn archive(&self, object: &str, id: u64) -> Result<(), RowError> {
        self.one(&RowChange::Archive { object: object.to_owned(), id }).map(|_| ())
    }

    /// Takes a row out of the archive.
    ///
    /// # Errors
    /// When it is not there.
    pub fn restore(&self, object: &str, id: u64) -> Result<(), RowError> {
        self.one(&RowChange::Restore { object: object.to_owned(), id }).map(|_| ())
    }

    /// Removes a row for good, archived or not.
    ///
    /// # Errors
    /// When it is missing.
    pub fn purge(&self, object: &str, id: u64) -> Result<(), RowError> {
        self.one(&RowChange::Purge { object: object.to_owned(), id }).map(|_| ())
    }

    /// Merges `loser` into `winner` and returns the id of the row that stays.
    ///
    /// # Errors
    /// When one is missing or archived, both are the same, or the limit of 250 is reached.
    pub fn merge(&self, object: &str, winner: u64, loser: u64) -> Result<u64, RowError> {
        self.one(&RowChange::Merge { object: object.to_owned(), winner, loser })
    }

    /// Associates two rows.
    ///
    /// # Errors
    /// When an object, a row or a label is unknown.
    pub fn associate(&self, link: LinkSpec) -> Result<(), RowError> {
        self.one(&RowChange::Associate { link }).map(|_| ())
    }

    /// Ends an association; with labels, only these are taken from it.
    ///
    /// # Errors
    /// When an object or a label is unknown.
    pub fn disassociate(&self, link: LinkSpec) -> Result<(), RowError> {
        self.one(&RowChange::Disassociate { link }).map(|_| ())
    }

    /// Carries out changes in order, each on its own, and returns the id of each row or why it was refused. Merges
    /// return the survivor, associations the first row.
    #[must_use]
    pub fn apply(&self, changes: &RowChanges) -> Vec<Result<u64, RowError>> {
        let (source, app) = changes.source.parts();
        let options = WriteOptions {
            source,
            app,
            stamp: changes.stamp.as_deref().and_then(time::parse_instant),
            index_after: changes.index_after_ms.map(i64::from),
            ..WriteOptions::admin()
        };
        self.edit(|account| changes.ops.iter().map(|op| one(account, op, options)).collect())
    }

    fn one(&self, change: &RowChange) -> Result<u64, RowError> {
        self.edit(|account| one(account, change, WriteOptions::admin()))
    }
}

fn one(account: &mut Account, change: &RowChange, options: WriteOptions) -> Result<u64, RowError> {
    match change {
        RowChange::Insert { object, properties } => {
            let object = account.object_or_refuse(object)?;
            account.create(object, properties, options)
        }
        RowChange::Update { object, id, properties } => {
            let object = account.object_or_refuse(object)?;
            account.update(object, *id, properties, options).map(|()| *id)
        }
        RowChange::Archive { object, id } => {
            let object = account.object_or_refuse(object)?;
            if account.archive(object, *id, options) { Ok(*id) } else { Err(RowError::no_object(id)) }
        }
        RowChange::Restore { object, id } => {
            let object = account.object_or_refuse(object)?;
            account.restore(object, *id, options).map(|()| *id)
        }
        RowChange::Purge { object, id } => {
            let object = account.object_or_refuse(object)?;
            if account.forget(object, *id, options) { Ok(*id) } else { Err(RowError::no_object(id)) }
        }
        RowChange::Merge { object, winner, loser } => {
            let object = account.object_or_refuse(object)?;
            account.merge(object, *winner, *loser, options)
        }
        RowChange::Associate { link } => {
            let pair = pair_of(account, link)?;
            let types = types_of(account, pair, &link.labels)?;
            account.associate(pair, (link.from, link.to), &types, options).map(|()| link.from)
        }
        RowChange::Disassociate { link } => {
            let pair = pair_of(account, link)?;
            let types: Vec<u32> =
                types_of(account, pair, &link.labels)?.iter().map(|kind| kind.type_id).collect();
            let only = (!types.is_empty()).then_some(types.as_slice());
            account.dissociate(pair, (link.from, link.to), only, options);
            Ok(link.from)
        }
    }
}

fn pair_of(account: &Account, link: &LinkSpec) -> Result<Pair, RowError> {
    Ok(Pair {
        from: account.object_or_refuse(&link.from_object)?,
        to: account.object_or_refuse(&link.to_object)?,
    })
}

fn types_of(account: &Account, pair: Pair, labels: &[String]) -> Result<Vec<LinkType>, RowError> {
    let find = |label: &String| {
        let known = account.links.labels_of(pair).find(|one| one.label.as_ref() == Some(label));
        let known = known.map(|one| LinkType { category: one.category, type_id: one.type_id });
        known.ok_or_else(|| RowError::bad_request(format!("There is no label {label} between these objects")))
    };
    labels.iter().map(find).collect()
}
