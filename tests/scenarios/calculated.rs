//! Values that change without their record.

use serde_json::json;

use crate::contender::scenarios;
use crate::hexsync::Hexsync;
use crate::naive::Naive;
use crate::salesforce::{OnSalesforce, Stage, bulk_edit};
use crate::verdict::Verdict;

scenarios! { Hexsync vs Naive;
    /// 9: formulas over the parent and over changed constants move no stamp.
    hexsync_survives_formulas, naive_poller_fails_formulas = formulas => Stale;
}

async fn formulas<C: OnSalesforce>() -> Verdict {
    let mut contender = C::enter(Stage { accounts: true, ..Stage::default() }).await;
    contender.sync().await;
    let accounts = e2e::edit::live::<entity_account::Account>(contender.crm());
    bulk_edit(contender.crm(), &accounts, &json!({"Rating": "Warm"}));
    contender.crm().set_formula_factor("Opportunity", "Weighted__c", 0.02).unwrap();
    contender.sync().await;
    contender.tend().await;
    contender.verdict().await
}
