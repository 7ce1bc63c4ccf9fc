//! Records that are edited on both sides: loops, edits taken for echoes, and records made twice.

use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::{RowChange, RowChanges, SalesforceControl};
use crm_sandbox::{Fault, FaultRule};
use e2e::edit::fields;
use e2e::store::Backend;
use entity_opportunity::Opportunity;
use serde_json::json;
use sync_core::WritebackStore;
use sync_wiring::OwnFingerprints;
use sync_wiring::writeback::salesforce::{engine, writeback};

use crate::contender::{Contender, Said, scenarios};
use crate::hexsync::{Hexsync, said};
use crate::naive::{Habits, Naive, Push};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals};
use crate::verdict::{Finding, Verdict};

scenarios! { Hexsync vs Naive;
    /// 25: what we write comes back as a change; taken for one, it is written again, and so on.
    hexsync_survives_its_own_echo, naive_poller_fails_its_own_echo = own_echo => Loops;
    /// 25: somebody else's edit, moments after ours, is no echo.
    hexsync_survives_an_edit_right_after_its_own, naive_poller_fails_an_edit_right_after_its_own
        = edit_right_after_ours => Stale;
    /// 25: an edit by the user whom we sign in as need not be ours: an automation or another tool may work under it.
    hexsync_survives_an_edit_under_its_name, naive_poller_fails_an_edit_under_its_name
        = edit_under_our_name => Stale;
    /// 25: an answer that is lost says nothing about whether the record was made.
    hexsync_survives_a_lost_answer, naive_poller_fails_a_lost_answer = lost_answer => Doubled;
}

/// A contender whose application edits rows as well.
pub(crate) trait BothWays: OnSalesforce {
    /// The application changes the next step of a deal it has.
    async fn edit_here(&mut self, id: RecordId, next_step: &str);

    /// The application makes a deal.
    async fn make_here(&mut self, name: &str);

    /// Sends what was edited and made here.
    async fn send(&mut self) -> Said;

    /// Follows the CRM's changes once, ten seconds later.
    async fn follow(&mut self) -> Said;
}

async fn enter<C: BothWays>(push: Push) -> C {
    let habits = Habits { push, ..Habits::default() };
    let mut contender = C::enter(Stage { opportunities: 20, habits, ..Stage::default() }).await;
    contender.crm().add_field("Opportunity", &FieldSpec::key("Hexsync_Key__c")).unwrap();
    contender.restart().await;
    contender.follow().await;
    contender
}

async fn own_echo<C: BothWays>() -> Verdict {
    let mut contender = enter::<C>(Push::WhatChanged).await;
    let deal = deals(contender.crm())[3];
    contender.edit_here(deal, "call them").await;
    let (mut stamp, mut writes) = (modified(contender.crm(), deal), 0);
    for _ in 0..5 {
        contender.send().await;
        contender.follow().await;
        let now = modified(contender.crm(), deal);
        writes += usize::from(now != stamp);
        stamp = now;
    }
    contender.verdict().await.and((writes > 1).then_some(Finding::Loops { writes }))
}

async fn edit_right_after_ours<C: BothWays>() -> Verdict {
    let mut contender = enter::<C>(Push::DeafForAWhile).await;
    let deal = deals(contender.crm())[3];
    contender.edit_here(deal, "call them").await;
    contender.send().await;
    contender.later(1);
    bulk_edit(contender.crm(), &[deal], &json!({"Amount": 4711}));
    for _ in 0..3 {
        contender.follow().await;
        contender.later(600);
        contender.send().await;
    }
    contender.verdict().await
}

async fn edit_under_our_name<C: BothWays>() -> Verdict {
    let mut contender = enter::<C>(Push::DeafToItself).await;
    let deal = deals(contender.crm())[3];
    contender.edit_here(deal, "call them").await;
    contender.send().await;
    contender.later(1);
    let user = contender.crm().read(|org| org.api_user);
    let ops = vec![RowChange::Update { id: deal, fields: fields(json!({"NextStep": "they called"})) }];
    let done = contender.crm().apply(&RowChanges { ops, user: Some(user), ..RowChanges::default() });
    assert!(done.iter().all(Result::is_ok), "the edit is possible");
    contender.follow().await;
    // At once, and not when the echo would be forgotten.
    let verdict = contender.verdict().await;
    for _ in 0..2 {
        contender.later(600);
        contender.send().await;
        contender.follow().await;
    }
    verdict.then(contender.verdict().await)
}

async fn lost_answer<C: BothWays>() -> Verdict {
    let mut contender = enter::<C>(Push::WhatChanged).await;
    contender.make_here("A deal of ours").await;
    let lost = FaultRule::new(Fault::DropAnswer).times(1);
    contender.crm().set_faults(vec![lost.on("row_write").on("collection_write").on("composite")]);
    contender.send().await;
    contender.crm().set_faults(Vec::new());
    for _ in 0..3 {
        contender.later(3_600);
        contender.follow().await;
        contender.send().await;
    }
    contender.follow().await;
    let crm = contender.crm();
    let is_ours = |id: &&RecordId| crm.row(**id).is_some_and(|row| row["Name"] == "A deal of ours");
    let records = deals(crm).iter().filter(is_ours).count();
    assert!(records > 0, "it was made");
    contender.verdict().await.and((records > 1).then_some(Finding::Doubled { records }))
}

fn modified(crm: &SalesforceControl, id: RecordId) -> String {
    crm.row(id).map(|row| row["SystemModstamp"].to_string()).unwrap_or_default()
}

impl<S: Backend + WritebackStore + OwnFingerprints> BothWays for Hexsync<S> {
    async fn edit_here(&mut self, id: RecordId, next_step: &str) {
        let world = self.world();
        let (store, scope) = (&world.store, world.scope::<Opportunity>());
        let mut tx = store.begin().await.unwrap();
        let change = |deal: &mut Opportunity| deal.next_step = Some(next_step.to_owned());
        let id = id.to_string().into();
        world.module().editor::<Opportunity>().edit(&mut tx, &scope, &id, change).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    async fn make_here(&mut self, name: &str) {
        let world = self.world();
        let (store, scope) = (&world.store, world.scope::<Opportunity>());
        let deal = Opportunity {
            name: Some(name.to_owned()),
            stage: Some("Prospecting".to_owned()),
            close_date: "2026-12-31".parse().ok(),
            ..Opportunity::default()
        };
        let mut tx = store.begin().await.unwrap();
        world.module().editor::<Opportunity>().create(&mut tx, &scope, deal).await.unwrap();
        store.commit(tx).await.unwrap();
    }

    async fn send(&mut self) -> Said {
        let world = self.world();
        let way = writeback::<Opportunity, S>(&world.module(), &world.crm).unwrap();
        said(way.execute(world.request()).await)
    }

    async fn follow(&mut self) -> Said {
        self.later(10);
        let world = self.world();
        let engine = engine::<Opportunity, S>(&world.module(), &world.crm).unwrap();
        said(engine.execute(world.request()).await)
    }
}

impl BothWays for Naive {
    async fn edit_here(&mut self, id: RecordId, next_step: &str) {
        self.set(id.as_ref(), "NextStep", next_step);
    }

    async fn make_here(&mut self, name: &str) {
        self.make([("Name", name), ("StageName", "Prospecting"), ("CloseDate", "2026-12-31")]);
    }

    async fn send(&mut self) -> Said {
        self.push().await
    }

    async fn follow(&mut self) -> Said {
        self.sync().await
    }
}
