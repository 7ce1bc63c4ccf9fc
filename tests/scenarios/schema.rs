//! An org whose admin works on it: fields come, go and change their type.

use crm_sandbox::salesforce::SalesforceControl;
use crm_sandbox::salesforce::model::FieldType;
use crm_sandbox::salesforce::schema::FieldSpec;
use crm_sandbox::salesforce::write::WriteOptions;
use e2e::edit::fields;
use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::{Bookmark, Habits, Naive};
use crate::salesforce::{OnSalesforce, Stage, bulk_edit, deals, run_while};
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 13: fields that go or change their type take no records along.
    hexsync_survives_schema_changes, naive_poller_fails_schema_changes = schema_changes => Stale;
    /// 14: old records hold values in a new field, and their stamps don't tell.
    hexsync_survives_a_new_field, naive_poller_fails_a_new_field = new_field => Stale;
}

async fn schema_changes<C: OnSalesforce>() -> Verdict {
    let habits = Habits { shrugs: true, bookmark: Bookmark::RunEnd, ..Habits::default() };
    let mut contender = C::enter(Stage { opportunities: 1_000, habits, ..Stage::default() }).await;
    contender.later(3_600);
    run_while(&mut contender, 3, |crm| {
        crm.remove_field("Opportunity", "Region__c").unwrap();
        crm.add_field("Opportunity", &FieldSpec::new("Tier__c", FieldType::Double)).unwrap();
        // The place in the result is lost with it, so that the rest has to be asked for anew.
        crm.forget_locators();
    })
    .await;
    contender.sync().await;
    let all = deals(contender.crm());
    bulk_edit(contender.crm(), &all[..50], &json!({"NextStep": "without a region", "Tier__c": 7}));
    contender.sync().await;
    let text = FieldSpec::new("Tier__c", FieldType::String);
    contender.crm().retype_field("Opportunity", &text).unwrap();
    bulk_edit(contender.crm(), &all[50..100], &json!({"Tier__c": "gold"}));
    contender.sync().await;
    contender.restart().await;
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}

async fn new_field<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage::default()).await;
    contender.sync().await;
    contender.crm().add_field("Opportunity", &FieldSpec::new("Tier__c", FieldType::String)).unwrap();
    fill_quietly(contender.crm(), "gold");
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}

/// Values that came with the field, as when a field of another app is opened to this one: no stamp moves.
fn fill_quietly(crm: &SalesforceControl, value: &str) {
    crm.edit(|org| {
        let rows: Vec<_> = org.table("Opportunity").into_iter().flat_map(|table| table.all()).collect();
        let stamps: Vec<_> =
            rows.iter().filter(|(_, row)| !row.is_deleted()).map(|(id, row)| (**id, row.stamp())).collect();
        for (id, stamp) in stamps {
            let fields = fields(json!({"Tier__c": value}));
            org.update(id, &fields, WriteOptions::admin().stamped(stamp)).unwrap();
        }
    });
}
