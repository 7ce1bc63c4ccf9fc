//! The contract of change sources, on a simulated account of __Product__.
//!
//! Each case fails with the name of a function that is still to be written, until all are.
#![expect(clippy::panic, reason = "what is not written yet fails by its name")]

use std::sync::Arc;

use provider___provider__::{
    From__Provider__, RecordError, __Provider__Client, __Provider__PollSource, __Provider__Record,
};
use sync_auth::{Authenticator, MemoryTokenStore, StaticToken};
use sync_core::contract::SourceFixture;
use sync_core::{Canonical, ChangeSource, ExternalId, Subscription, SubscriptionId};
use sync_detection::FieldMapping;

sync_core::source_contract!(__Provider__Fixture);

#[derive(Clone, Debug, Default, PartialEq, Canonical)]
#[canonical(entity = "deal", title = "name")]
struct Deal {
    name: Option<String>,
}

impl From__Provider__ for Deal {
    const OBJECT: &'static str = "deals";

    fn mapping() -> &'static [FieldMapping] {
        const MAPPING: &[FieldMapping] = &[FieldMapping::new("name", "name")];
        MAPPING
    }

    fn from_record(record: &__Provider__Record<'_>) -> Result<Self, RecordError> {
        Ok(Self { name: record.text("name")? })
    }
}

/// An account that the contract may change: the simulated one of `crm-sandbox`, once it has one.
struct __Provider__Fixture(__Provider__Client);

fn not_written(function: &str, what: &str) -> ! {
    panic!("write __Provider__Fixture::{function} in tests/contract.rs: {what}")
}

impl SourceFixture for __Provider__Fixture {
    type Record = Deal;

    const TELLS_DELETIONS: bool = true;

    async fn fresh() -> Option<Self> {
        let token = StaticToken::new("token".to_owned().into(), None);
        let authenticator = Authenticator::new("__key__".into(), token, MemoryTokenStore::default());
        Some(Self(__Provider__Client::new(authenticator)))
    }

    fn source(&self) -> Arc<dyn ChangeSource<Deal>> {
        Arc::new(__Provider__PollSource::new(self.0.clone()))
    }

    fn subscription(&self) -> Subscription {
        Subscription {
            id: SubscriptionId(uuid::Uuid::nil()),
            tenant: None,
            connection: "main".into(),
            adapter: "__key__-poll".into(),
            domain: "deal".into(),
            external_ref: None,
            paused: false,
            cursor: None,
            created_at: Default::default(),
        }
    }

    async fn seed(&self, _: usize) -> Vec<ExternalId> {
        not_written("seed", "add records that share one stamp to the simulated account")
    }

    async fn edit(&self, _: &ExternalId) {
        not_written("edit", "change a record")
    }

    async fn delete(&self, _: &ExternalId) {
        not_written("delete", "delete a record")
    }

    async fn spoil(&self, _: &ExternalId) -> bool {
        not_written("spoil", "make a record one that can't be mapped")
    }

    async fn disturb(&self) -> bool {
        not_written("disturb", "refuse the token once, and ask the next call to slow down")
    }
}
