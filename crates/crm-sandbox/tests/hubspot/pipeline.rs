//! An account made of the sales pipeline files, where they are at hand.

use std::path::PathBuf;

use crm_sandbox::SimClock;
use crm_sandbox::hubspot::generate::load_pipeline;
use crm_sandbox::hubspot::model::Account;

/// The account of the folder beside the workspace, if that is there.
fn account() -> Option<Account> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/b2b-pipeline");
    if !folder.is_dir() {
        eprintln!("skipped: no b2b-pipeline data beside the workspace");
        return None;
    }
    Some(load_pipeline(&folder, SimClock::default()).unwrap())
}

#[test]
fn blemishes_survive() {
    let Some(account) = account() else { return };
    let count = |object: &str, name: &str, fits: &dyn Fn(Option<&str>) -> bool| {
        account
            .rows(object, false)
            .filter(|(id, _)| fits(account.value(object, *id, name).as_deref()))
            .count()
    };
    assert_eq!((account.rows("deals", false).count(), account.rows("companies", false).count()), (8_800, 85));
    assert_eq!(account.associations("deals", "companies").len(), 8_800 - 1_425);
    assert!(count("deals", "product", &|value| value == Some("GTXPro")) > 1_000);
    assert_eq!(count("deals", "product", &|value| value == Some("GTX Pro")), 0);
    assert!(count("companies", "industry", &|value| value == Some("technolgy")) > 0);
    assert!(count("deals", "closedate", &|value| value.is_none()) > 0);
    assert_eq!(count("deals", "hs_is_closed_won", &|value| value == Some("true")), 4_238);
    assert!(
        account
            .associations("companies", "companies")
            .iter()
            .any(|(.., labels)| labels == &["Child Company"])
    );
}

#[test]
fn a_deal_is_what_its_line_says() {
    let Some(account) = account() else { return };
    let deal = account.rows("deals", false).map(|(id, _)| id);
    let deal =
        deal.into_iter().find(|id| account.value("deals", *id, "ext_key").as_deref() == Some("1C1I7A6R"));
    let deal = deal.unwrap();
    let value = |name| account.value("deals", deal, name).unwrap();
    assert_eq!(
        (value("amount"), value("dealstage"), value("product")),
        ("1054".into(), "won".into(), "GTX Plus Basic".into())
    );
    assert_eq!(
        (value("createdate"), value("closedate")),
        ("2016-10-20T00:00:00Z".into(), "2017-03-01T00:00:00Z".into())
    );
    let company: u64 = value("hs_primary_associated_company").parse().unwrap();
    assert_eq!(account.value("companies", company, "name").as_deref(), Some("Cancity"));
    assert!(value("hubspot_owner_id").parse::<u64>().unwrap() > 41);
}
