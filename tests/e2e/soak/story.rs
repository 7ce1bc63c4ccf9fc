//! One story: steps drawn from a seed, and their end.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{RowChange, RowChanges};
use crm_sandbox::{Fault, FaultRule};
use e2e::edit::{binned, fields, live};
use e2e::entity::Entity;
use e2e::store::Backend;
use e2e::world::World;
use entity_account::Account;
use entity_contact::Contact;
use entity_opportunity::Opportunity;
use entity_user::User;
use serde_json::{Value as Json, json};
use sync_core::{Brake, ItemStatus, Operation, RunStatus};
use sync_wiring::EntityStore;
use tokio_util::sync::CancellationToken;

use super::Seed;

/// Something that happens to a store while it is used.
pub(super) type Trouble = Box<dyn Fn(&mut fastrand::Rng) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// How many things happen in a story.
const STEPS: usize = 60;

pub(super) struct Story<S: Backend> {
    world: World<S>,
    rng: fastrand::Rng,
    /// What can happen to the store.
    troubles: Vec<Trouble>,
    /// Records with values that no store keeps, and the field.
    spoilt: Vec<(RecordId, &'static str)>,
    edits: usize,
    failed_runs: usize,
    _seed: Seed,
}

impl<S: Backend> Story<S> {
    pub(super) fn new(world: World<S>, seed: u64, troubles: Vec<Trouble>) -> Self {
        let rng = fastrand::Rng::with_seed(seed);
        Self { world, rng, troubles, spoilt: Vec::new(), edits: 0, failed_runs: 0, _seed: Seed(seed) }
    }

    pub(super) async fn tell(mut self) {
        for _ in 0..STEPS {
            match self.rng.u8(..10) {
                0..6 => self.edit(),
                6..9 => self.run_in_trouble().await,
                _ => self.world.later(Duration::from_secs(self.rng.u64(1..400))),
            }
        }
        self.come_to_rest().await;
        let parked = self.world.check().await;
        assert_eq!(parked, Vec::<String>::new(), "everything was mended");
        println!("{} edits, {} runs that failed", self.edits, self.failed_runs);
        assert!(self.edits > 50, "a story worth telling");
    }

    /// Mends what is spoilt, lets everything become visible, and runs until nothing is left to do; what no feed tells
    /// of is found by comparing.
    async fn come_to_rest(&mut self) {
        self.world.faults([]);
        for (id, field) in std::mem::take(&mut self.spoilt) {
            let good = if field == "Amount" { json!(1) } else { json!("mended") };
            // Gone meanwhile is as good as mended.
            let _ = self.world.crm().update(id, &fields(json!({ field: good })));
        }
        self.world.restart().await;
        // Longer than anything stays out of sight, shorter than the overlap.
        self.world.later(Duration::from_secs(420));
        self.settle_one::<User>().await;
        self.settle_one::<Account>().await;
        self.settle_one::<Contact>().await;
        self.settle_one::<Opportunity>().await;
    }

    async fn settle_one<T: Entity>(&mut self)
    where
        S: EntityStore<T>,
    {
        self.world.run_until_done::<T>().await;
        // Parked ones have their turn within a day at most.
        self.world.later(Duration::from_secs(90_000));
        let report = self.world.run::<T>().await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        let report = self.world.reconcile::<T>(Brake::OFF).await;
        assert!(report.failure.is_none(), "{:?}", report.failure);
        // Beside purged records, a comparison finds only what changes without its record.
        let audit = self.world.audit::<T>().await;
        for items in audit.records.values() {
            let repair =
                items.iter().find(|one| one.run == report.run && one.item.status == ItemStatus::Success);
            let Some(repair) = repair.filter(|one| one.item.operation != Operation::Deleted) else {
                continue;
            };
            let drifted = |field: &str| T::DRIFTING.iter().any(|drifting| field.ends_with(drifting));
            let only_drift = repair.item.changed_fields.iter().all(|change| drifted(&change.field));
            assert!(only_drift, "the feed did not tell of this {}: {items:#?}", T::ENTITY);
        }
        assert_eq!(self.world.run::<T>().await.status, RunStatus::NoChanges, "nothing left to do");
    }

    /// A list of changes that belong together.
    fn edit(&mut self) {
        let n = self.rng.usize(1..12);
        let ops: Vec<RowChange> = (0..n).filter_map(|_| self.change()).collect();
        let same_stamp = self.rng.u8(..4) == 0;
        let now = self.world.clock().now();
        let changes = RowChanges {
            // A bulk job writes one stamp, a little in the past.
            stamp: same_stamp.then(|| now - chrono::TimeDelta::seconds(self.rng.i64(0..4))),
            visible_after_s: (self.rng.u8(..4) == 0).then(|| self.rng.u32(1..300)),
            keep_last_modified: self.rng.bool(),
            ops,
            ..RowChanges::default()
        };
        let done = self.world.crm().apply(&changes);
        self.edits += done.iter().filter(|one| one.is_ok()).count();
        self.world.later(Duration::from_secs(self.rng.u64(0..30)));
    }

    fn change(&mut self) -> Option<RowChange> {
        let org = self.world.crm().clone();
        let objects = ["User", "Account", "Contact", "Opportunity", "Opportunity"];
        let object = objects[self.rng.usize(..objects.len())];
        let (alive, dead) = match object {
            // Not the first, who granted the access: deactivating that one ends it.
            "User" => (live::<User>(&org).into_iter().skip(1).collect(), Vec::new()),
            "Account" => (live::<Account>(&org), binned::<Account>(&org)),
            "Contact" => (live::<Contact>(&org), binned::<Contact>(&org)),
            _ => (live::<Opportunity>(&org), binned::<Opportunity>(&org)),
        };
        let id = self.rng.choice(&alive).copied();
        let number = self.rng.u32(..);
        Some(match self.rng.u8(..20) {
            0..3 if object != "User" => {
                RowChange::Insert { object: object.to_owned(), fields: self.new_row(object, number) }
            }
            3..5 => RowChange::Delete { id: id? },
            5..7 => RowChange::Undelete { id: self.rng.choice(&dead).copied()? },
            // A letter with a payload of a record that is gone for good waits for an operator.
            7 if object != "User" => {
                RowChange::Purge { id: id.filter(|id| self.spoilt.iter().all(|(spoilt, _)| spoilt != id))? }
            }
            8 if matches!(object, "Account" | "Contact") => {
                RowChange::Merge { winner: id?, losers: vec![self.rng.choice(&alive).copied()?] }
            }
            9 if object == "Opportunity" => self.spoil(id?),
            _ => RowChange::Update { id: id?, fields: fields(self.values(object, number)) },
        })
    }

    fn spoil(&mut self, id: RecordId) -> RowChange {
        let (field, value) = match self.rng.u8(..3) {
            0 => ("Amount", json!({"$raw": "\"a lot\""})),
            1 => ("Amount", json!(1e30)),
            _ => ("Name", json!("bad\u{0}name")),
        };
        self.spoilt.push((id, field));
        RowChange::Update { id, fields: fields(json!({ field: value })) }
    }

    fn new_row(&mut self, object: &str, number: u32) -> serde_json::Map<String, Json> {
        let account = self.rng.choice(live::<Account>(self.world.crm()));
        fields(match object {
            "Account" => json!({"Name": format!("Account {number}"), "ParentId": account}),
            "Contact" => json!({"LastName": format!("Contact {number}"), "AccountId": account}),
            _ => {
                json!({"Name": format!("Deal {number}"), "StageName": "Prospecting", "CloseDate": "2026-07-01",
                "AccountId": account})
            }
        })
    }

    fn values(&mut self, object: &str, number: u32) -> Json {
        let account = self.rng.choice(live::<Account>(self.world.crm()));
        let stage = if self.rng.bool() { "Qualification" } else { "Closed Won" };
        match object {
            "User" => {
                json!({"Department": format!("Department {number}"), "IsActive": number.is_multiple_of(2)})
            }
            "Account" => json!({"Phone": format!("+33 {number}"), "Rating": "Hot", "ParentId": account}),
            "Contact" => json!({"Title": format!("Title {number}"), "AccountId": account}),
            _ => json!({"Amount": f64::from(number) / 100.0, "NextStep": "näher 🙂", "AccountId": account,
                "StageName": stage}),
        }
    }

    /// A run of some entity while something goes wrong.
    async fn run_in_trouble(&mut self) {
        let faults = self.faults();
        self.world.faults(faults);
        match self.rng.u8(..6) {
            0 => self.world.crm().expire_sessions(),
            1 => self.world.crm().forget_locators(),
            _ => {}
        }
        match self.rng.u8(..5) {
            0 => self.one::<User>().await,
            1 => self.one::<Account>().await,
            2 => self.one::<Contact>().await,
            _ => self.one::<Opportunity>().await,
        }
        // A run that was cut off keeps its lease until it runs out.
        self.world.later(self.world.options.lease_ttl + Duration::from_secs(1));
    }

    fn faults(&mut self) -> Vec<FaultRule> {
        let all = [
            Fault::Drop,
            Fault::DropAnswer,
            Fault::Truncate { bytes: self.rng.usize(..5_000) },
            Fault::Html,
            Fault::Garbage,
            Fault::Unavailable { retry_after_s: None },
            Fault::TooManyRequests { retry_after_s: None },
            Fault::Unauthorized,
            Fault::InternalError,
            Fault::InvalidLocator,
        ];
        let n = self.rng.usize(..3);
        (0..n)
            .map(|_| {
                let fault = all[self.rng.usize(..all.len())].clone();
                let chance = [0.2, 0.5, 1.0][self.rng.usize(..3)];
                FaultRule::new(fault)
                    .on("query")
                    .on("query_more")
                    .probability(chance)
                    .times(self.rng.u64(1..12))
            })
            .collect()
    }

    async fn one<T: Entity>(&mut self)
    where
        S: EntityStore<T>,
    {
        self.world.settle();
        let cancel = CancellationToken::new();
        let request = self.world.request::<T>().cancel(cancel.clone());
        let engine = Arc::new(self.world.engine::<T>().build().unwrap());
        let mut run = tokio::spawn(async move { engine.execute(request).await });
        let trouble = match self.rng.usize(..self.troubles.len() + 2) {
            n if n < self.troubles.len() => Some(self.troubles[n](&mut self.rng)),
            _ => None,
        };
        let trouble = trouble.map(tokio::spawn);
        let patience = Duration::from_millis(self.rng.u64(1..60));
        let ended = match self.rng.u8(..6) {
            // The process dies.
            0 => match tokio::time::timeout(patience, &mut run).await {
                Ok(ended) => Some(ended.unwrap()),
                Err(_) => {
                    run.abort();
                    let _ = run.await;
                    None
                }
            },
            // Somebody asks it to stop.
            1 => {
                tokio::time::sleep(patience).await;
                cancel.cancel();
                Some(run.await.unwrap())
            }
            _ => Some(run.await.unwrap()),
        };
        if let Some(trouble) = trouble {
            trouble.await.unwrap();
        }
        let well = ended.is_some_and(|ended| ended.is_ok_and(|report| report.failure.is_none()));
        self.failed_runs += usize::from(!well);
    }
}
