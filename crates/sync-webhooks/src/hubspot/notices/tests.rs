use sync_core::{ConnectionKey, SubscriptionId};

use super::*;
use crate::hubspot::parse_body;

fn recipient(object: &str) -> Recipient {
    Recipient::new(ConnectionKey::new(None, "c"), SubscriptionId(Default::default()), object)
}

/// Kind, record and survivor of what an event says to a feed.
fn said(event: &str, recipients: &[Recipient]) -> Vec<String> {
    let event = format!(r#"[{{"portalId": 9001, "occurredAt": 1767348245000, {event}}}]"#);
    let parsed = parse_body(event.as_bytes(), 9).unwrap();
    let [event] = &parsed.events[..] else { panic!("unreadable: {event}") };
    let notice = |n: &Notice| match &n.merged_into {
        Some(survivor) => format!("{} {} into {survivor}", n.kind.as_str(), n.external_id),
        None => format!("{} {}", n.kind.as_str(), n.external_id),
    };
    notices(event, recipients).iter().map(notice).collect()
}

#[test]
fn each_kind_says_its_part() {
    let deals = [recipient("deals")];
    let about = |what: &str| said(&format!(r#""subscriptionType": "deal.{what}", "objectId": 5551"#), &deals);
    for what in ["creation", "propertyChange", "restore"] {
        assert_eq!(about(what), ["changed 5551"]);
    }
    assert_eq!(about("deletion"), ["deleted 5551"]);
    assert_eq!(about("privacyDeletion"), ["purged 5551"]);
    assert_eq!(about("newMessage"), Vec::<String>::new());
    assert_eq!(said(r#""subscriptionType": "deal.creation""#, &deals), Vec::<String>::new());
    assert_eq!(said(r#""subscriptionType": "deal", "objectId": 1"#, &deals), Vec::<String>::new());
}

/// Survivor = newObjectId ?? primaryObjectId ?? objectId; every other one is a loser, the primary too where the merge
/// made a record of its own (reference/hubspot.md, Webhooks).
#[test]
fn losers_of_a_merge_go_to_the_survivor() {
    let contacts = [recipient("contacts")];
    let merge = |ids: &str| said(&format!(r#""subscriptionType": "contact.merge", {ids}"#), &contacts);
    assert_eq!(
        merge(r#""objectId": 520, "primaryObjectId": 512, "mergedObjectIds": [513], "newObjectId": 520"#),
        ["merged 512 into 520", "merged 513 into 520", "changed 520"]
    );
    assert_eq!(
        merge(r#""objectId": 512, "primaryObjectId": 512, "mergedObjectIds": [513, 514, 513]"#),
        ["merged 513 into 512", "merged 514 into 512", "changed 512"]
    );
    assert_eq!(
        merge(r#""objectId": 512, "mergedObjectIds": ["513"]"#),
        ["merged 513 into 512", "changed 512"]
    );
}

#[test]
fn link_concerns_the_near_record_and_feeds_of_links() {
    let feeds = [
        recipient("deals"),
        recipient("companies"),
        recipient("deals/companies"),
        recipient("contacts/deals"),
    ];
    let link = |words: &str| {
        let ids = r#""fromObjectId": 5551, "toObjectId": 801"#;
        said(&format!(r#""subscriptionType": "deal.associationChange", {words}, {ids}"#), &feeds)
    };
    assert_eq!(link(r#""associationType": "DEAL_TO_COMPANY""#), ["changed 5551", "changed 5551-801"]);
    assert_eq!(link(r#""associationType": "DEAL_TO_CONTACT""#), ["changed 5551", "changed 801-5551"]);
    assert_eq!(
        link(r#""associationType": "X", "fromObjectTypeId": "0-3", "toObjectTypeId": "0-2""#),
        ["changed 5551", "changed 5551-801"]
    );
    assert_eq!(link(r#""associationType": "X""#), ["changed 5551"]);
}

#[test]
fn objects_are_known_by_each_of_their_names() {
    let event = r#""subscriptionType": "object.propertyChange", "objectId": 77001, "objectTypeId": "2-1234""#;
    let feeds = ["2-1234", "cars", "deals"].map(recipient);
    assert_eq!(said(event, &feeds), ["changed 77001"]);
    assert_eq!(said(event, &[recipient("cars").object_id("2-1234")]), ["changed 77001"]);
    let event = r#""subscriptionType": "object.creation", "objectId": 1, "objectTypeId": "0-8""#;
    assert_eq!(said(event, &["line_items", "0-8", "line_item", "items"].map(recipient)).len(), 3);
}

/// INV-INB-1: what HubSpot sends again, by another attempt or in another call, has the key that it had.
#[test]
fn repeat_has_the_same_key_and_nothing_else_has() {
    let key = |change: &str| {
        let body = format!(
            r#"[{{"eventId": 1, "subscriptionId": 2, "portalId": 3, "occurredAt": 4, "subscriptionType": "deal.propertyChange",
               "objectId": 5, "propertyName": "amount", "attemptNumber": 0 {change}}}]"#
        );
        let event = parse_body(body.as_bytes(), 1).unwrap().events.pop().unwrap();
        notices(&event, &[recipient("deals")]).pop().unwrap().dedup_key
    };
    let read = |event: &str| {
        let event = parse_body(format!("[{event}]").as_bytes(), 1).unwrap().events.pop().unwrap();
        notices(&event, &[recipient("deals")]).pop().unwrap().dedup_key
    };
    assert_eq!(key(""), key(r#", "ignored": 7"#));
    let again = r#"{"eventId": 1, "subscriptionId": 2, "portalId": 3, "occurredAt": 4, "subscriptionType": "deal.propertyChange",
        "objectId": 5, "propertyName": "amount", "attemptNumber": 9}"#;
    assert_eq!(key(""), read(again));
    for (from, to) in [
        (r#""eventId": 1"#, r#""eventId": 11"#),
        (r#""subscriptionId": 2"#, r#""subscriptionId": 12"#),
        (r#""portalId": 3"#, r#""portalId": 13"#),
        (r#""occurredAt": 4"#, r#""occurredAt": 14"#),
        (r#""objectId": 5"#, r#""objectId": 15"#),
        ("amount", "stage"),
        ("deal.propertyChange", "deal.deletion"),
    ] {
        assert_ne!(key(""), read(&again.replace(from, to)), "{to}");
    }
    let long = read(&again.replace("amount", &"x".repeat(5_000)));
    assert!(long.len() <= 255);
    assert_ne!(long, read(&again.replace("amount", &"y".repeat(5_000))));
}
