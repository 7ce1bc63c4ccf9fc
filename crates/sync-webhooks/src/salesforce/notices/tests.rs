use sync_core::{ConnectionKey, SubscriptionId};

use super::*;
use crate::salesforce::Field;

fn recipient(object: &str) -> Recipient {
    Recipient::new(ConnectionKey::new(None, "c"), SubscriptionId(Default::default()), object)
}

fn notification(fields: &[(&str, Option<&str>)]) -> Notification {
    let field = |(name, value): &(&str, Option<&str>)| Field {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
    };
    Notification {
        id: "04lDn0000012AbCIAU".to_owned(),
        object: "Account".to_owned(),
        fields: fields.iter().map(field).collect(),
    }
}

#[test]
fn notification_carries_its_fields() {
    let stamp = ("SystemModstamp", Some("2026-01-02T10:04:05.123Z"));
    let sent = notification(&[
        ("Id", Some("001Dn00000AbCdE")),
        ("Name", Some("A \"quoted\"")),
        ("Site", None),
        stamp,
    ]);
    let found = notices(&sent, &[recipient("account"), recipient("Contact")], DateTime::default());
    let [notice] = &found[..] else { panic!("{found:?}") };
    assert_eq!(notice.external_id.as_str(), "001Dn00000AbCdEIAV", "the long form");
    assert_eq!((&*notice.dedup_key, notice.kind), ("04lDn0000012AbCIAU", NoticeKind::Changed));
    assert_eq!(notice.occurred_at.timestamp_millis(), 1_767_348_245_123);
    let body: Json = serde_json::from_str(notice.body.as_deref().unwrap()).unwrap();
    assert_eq!(body["Name"], "A \"quoted\"");
    assert_eq!(body["Site"], Json::Null);
    assert!(body.get("Phone").is_none());
}

#[test]
fn record_without_a_stamp_counts_as_modified_now() {
    let now = DateTime::from_timestamp_millis(7_000).unwrap();
    let found = notices(&notification(&[("Id", Some("001Dn00000AbCdEIAV"))]), &[recipient("Account")], now);
    assert_eq!(found[0].occurred_at, now);
}
