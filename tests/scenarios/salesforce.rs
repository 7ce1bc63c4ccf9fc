//! The stage of the Salesforce scenarios: an org, and what stories do to it.

use std::time::Duration;

use crm_sandbox::salesforce::generate::OrgSpec;
use crm_sandbox::salesforce::model::RecordId;
use crm_sandbox::salesforce::{
    OrgSource, RowChange, RowChanges, Running, SalesforceControl, SalesforceSandbox, SalesforceSettings,
};
use crm_sandbox::{Fault, FaultRule, SimClock};
use e2e::edit::fields;
use e2e::entity::Entity;
use entity_account::Account;
use entity_opportunity::Opportunity;
use provider_salesforce::FromSalesforce;
use serde_json::Value as Json;

use crate::contender::{Contender, Said};
use crate::naive::Habits;
use crate::verdict::{Row, Rows, Truth, plain};

/// What a story starts from.
pub(crate) struct Stage {
    /// Opportunities of the org; there are a few accounts as well.
    pub(crate) opportunities: usize,
    /// Rows per page.
    pub(crate) page: usize,
    /// Whether accounts are synced too, and not only opportunities.
    pub(crate) accounts: bool,
    /// Whether refresh tokens are good for one use.
    pub(crate) rotating: bool,
    /// What is naive about the naive poller.
    pub(crate) habits: Habits,
}

impl Default for Stage {
    fn default() -> Self {
        Self { opportunities: 600, page: 200, accounts: false, rotating: false, habits: Habits::default() }
    }
}

impl Stage {
    /// What the org holds.
    pub(crate) fn org(&self) -> OrgSource {
        OrgSpec { users: 3, accounts: 20, opportunities: self.opportunities, ..OrgSpec::EMPTY }.into()
    }

    /// An org for the naive poller, the same as the engine's.
    pub(crate) async fn start(&self) -> Running {
        let settings = SalesforceSettings {
            api_max: 1_000_000,
            max_page: self.page,
            rotate_refresh_tokens: self.rotating,
            ..SalesforceSettings::default()
        };
        let builder = SalesforceSandbox::builder().org(self.org()).clock(SimClock::default());
        builder.settings(settings).start().await.expect("a port is free")
    }
}

/// Where an earlier release stopped reading.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OldBookmark<'a> {
    /// The stamp of the last record, as Salesforce spells it.
    pub(crate) stamp: &'a str,
    /// The last record.
    pub(crate) id: RecordId,
}

/// A contender that syncs a Salesforce org.
pub(crate) trait OnSalesforce: Contender {
    /// Starts with an empty store before an org.
    async fn enter(stage: Stage) -> Self;

    /// Changes the org.
    fn crm(&self) -> &SalesforceControl;

    /// Three processes that share the connection, each with its own handle on what they share, run at the same moment.
    async fn run_thrice_at_once(&mut self) -> [Said; 3];

    /// The person who connected the account connects it once more, for something else.
    async fn connect_elsewhere(&mut self, name: &str, refresh_token: &str);

    /// A person connects the account again, and this is the new grant.
    async fn reconnect(&mut self, refresh_token: String);

    /// What is in the store was written by an earlier release, in the form of its time.
    async fn inherit(&mut self, bookmark: OldBookmark<'_>);
}

/// The records of an org that are watched, as readers see them now.
pub(crate) fn truth(crm: &SalesforceControl, accounts: bool) -> Truth {
    let mut truth = Truth::default();
    watch::<Opportunity>(crm, &mut truth);
    if accounts {
        watch::<Account>(crm, &mut truth);
    }
    truth
}

fn watch<T: Entity>(crm: &SalesforceControl, truth: &mut Truth) {
    let (ids, fields) = crm.read(|org| {
        let table = org.table(T::OBJECT).expect("it is a standard object");
        let ids: Vec<RecordId> = table.scan(.., org.now_ms()).map(|(id, _)| *id).collect();
        let custom = table.def.visible_fields().map(|(_, field)| field.name.to_string());
        let fields: Vec<String> = custom.filter(|name| name.ends_with("__c")).collect();
        (ids, fields)
    });
    let fields: Vec<String> =
        T::REMOTE.iter().map(|(_, remote)| (*remote).to_owned()).chain(fields).collect();
    let rows: Rows = ids
        .into_iter()
        .filter_map(|id| {
            let record = crm.row(id)?;
            let value = |name: &String| Some((name.clone(), plain(&record[name.as_str()])?));
            let values = fields.iter().filter_map(value).collect();
            Some((id.to_string(), Row { deleted: record["IsDeleted"] == true, values }))
        })
        .collect();
    truth.rows.extend(rows);
    truth.fields.extend(fields);
}

/// Live opportunities, oldest first.
pub(crate) fn deals(crm: &SalesforceControl) -> Vec<RecordId> {
    e2e::edit::live::<Opportunity>(crm)
}

/// Live opportunities in the order of their stamps.
pub(crate) fn by_stamp(crm: &SalesforceControl) -> Vec<RecordId> {
    crm.read(|org| {
        let rows = org.table(Opportunity::OBJECT).into_iter().flat_map(|table| table.all());
        let mut live: Vec<_> =
            rows.filter(|(_, row)| !row.is_deleted()).map(|(id, row)| (row.stamp(), *id)).collect();
        live.sort_unstable();
        live.into_iter().map(|(_, id)| id).collect()
    })
}

/// The same edit to several records in one bulk job: one stamp for all.
pub(crate) fn bulk_edit(crm: &SalesforceControl, ids: &[RecordId], edit: &Json) {
    bulk(crm, ids, edit, None);
}

/// As [`bulk_edit`]; readers see it so many simulated seconds late.
pub(crate) fn late_edit(crm: &SalesforceControl, ids: &[RecordId], edit: &Json, seconds: u32) {
    bulk(crm, ids, edit, Some(seconds));
}

fn bulk(crm: &SalesforceControl, ids: &[RecordId], edit: &Json, visible_after_s: Option<u32>) {
    let ops = ids.iter().map(|id| RowChange::Update { id: *id, fields: fields(edit.clone()) }).collect();
    assert!(
        crm.apply(&RowChanges { ops, visible_after_s, ..RowChanges::default() }).iter().all(Result::is_ok),
        "the edit is possible"
    );
}

/// Queries that were answered or refused since they were last counted, pages included.
pub(crate) fn queries(crm: &SalesforceControl) -> u64 {
    let counts = crm.request_counts();
    ["query", "query_more"].iter().filter_map(|kind| counts.get(kind)).sum()
}

/// Runs once, and does something to the org as soon as so many queries were asked for. Answers take their time
/// meanwhile, so that the run is in the middle of its pages.
pub(crate) async fn run_while<C: OnSalesforce>(
    contender: &mut C,
    n_queries: u64,
    act: impl FnOnce(&SalesforceControl),
) -> Said {
    let crm = slowed(contender.crm());
    let accomplice = async {
        while queries(&crm) < n_queries {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        act(&crm);
    };
    let (said, ()) = tokio::join!(contender.run(), accomplice);
    crm.set_faults(Vec::new());
    said
}

/// Runs, and is killed as soon as so many queries were asked for. A new process takes over.
pub(crate) async fn die_while_running<C: OnSalesforce>(contender: &mut C, n_queries: u64) {
    let crm = slowed(contender.crm());
    let executioner = async {
        while queries(&crm) < n_queries {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        said = contender.run() => panic!("the run was over before it could be killed: {said:?}"),
        () = executioner => {}
    }
    crm.set_faults(Vec::new());
    contender.restart().await;
}

fn slowed(crm: &SalesforceControl) -> SalesforceControl {
    crm.reset_request_counts();
    let slow = FaultRule::new(Fault::Latency { ms: 25 });
    crm.set_faults(vec![slow.on("query").on("query_more")]);
    crm.clone()
}
