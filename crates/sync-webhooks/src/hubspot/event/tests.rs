use proptest::prelude::*;

use super::*;

/// The example of reference/hubspot.md, Webhooks.
const BODY: &str = r#"[
 {"eventId":3816279340,"subscriptionId":25,"portalId":9001,"appId":42,"occurredAt":1767348245000,"subscriptionType":"deal.propertyChange","attemptNumber":0,
  "objectId":5551,"propertyName":"amount","propertyValue":"1200","changeSource":"CRM_UI","sourceId":"userId:77"},
 {"eventId":"3816279342","portalId":"9001","occurredAt":1767348247000,"eventType":"contact.merge",
  "objectId":520,"primaryObjectId":512,"mergedObjectIds":[513],"newObjectId":520,"more":{"deep":[1,{"x":"]}"}]}}
]"#;

#[test]
fn events_are_read_in_both_spellings() {
    let parsed = parse_body(BODY.as_bytes(), 100).unwrap();
    let [change, merge] = &parsed.events[..] else { panic!("{parsed:?}") };
    assert_eq!(parsed.n_malformed, 0);
    assert_eq!(
        (change.event_id, change.portal_id, change.object_id),
        (Some(Id(3_816_279_340)), Id(9001), Some(Id(5551)))
    );
    assert_eq!(
        (&*change.subscription_type, change.property_name.as_deref()),
        ("deal.propertyChange", Some("amount"))
    );
    assert_eq!((&*merge.subscription_type, merge.event_id), ("contact.merge", Some(Id(3_816_279_342))));
    assert_eq!(
        (merge.new_object_id, merge.merged_object_ids.as_deref()),
        (Some(Id(520)), Some(&[Id(513)][..]))
    );
}

#[test]
fn malformed_event_keeps_no_other_out() {
    let body = r#"[7, null, {"portalId": -1, "occurredAt": 1, "subscriptionType": "a.b"}, {"occurredAt": 1, "subscriptionType": "a.b"},
        {"portalId": 1, "occurredAt": 9223372036854775807, "subscriptionType": "a.b"}, {"portalId": 1, "occurredAt": 1, "subscriptionType": "a.b"}]"#;
    let parsed = parse_body(body.as_bytes(), 100).unwrap();
    assert_eq!((parsed.events.len(), parsed.n_malformed), (1, 5));
}

#[test]
fn body_that_is_no_list_is_refused() {
    for body in ["", "{}", "null", "[", "[1,]", "\u{feff}[]", "[]x"] {
        assert_eq!(parse_body(body.as_bytes(), 100), Err(BodyError::NotAList), "{body}");
    }
    assert_eq!(parse_body(b"[\xff]", 100), Err(BodyError::NotAList));
    assert_eq!(parse_body(b"[]", 0), Ok(Parsed::default()));
}

#[test]
fn number_and_depth_are_bounded() {
    assert_eq!(parse_body(b"[1,2,3]", 2), Err(BodyError::TooMany { found: 3, allowed: 2 }));
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert_eq!(parse_body(deep(MAX_DEPTH + 1).as_bytes(), 9), Err(BodyError::TooDeep));
    assert!(parse_body(deep(MAX_DEPTH).as_bytes(), 9).is_ok());
    assert_eq!(parse_body(deep(1_000_000).as_bytes(), 9), Err(BodyError::TooDeep));
    // Brackets within texts nest nothing, also after an escaped quote.
    assert!(parse_body(br#"["[[[[[[[[[[[[[[[[[[[[[[ \" [[[[[[[[[[[[[["]"#, 9).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = parse_body(&body, 10);
    }

    #[test]
    fn no_text_makes_it_panic(body in r#"[\[\]{}",:0-9a-z\\ ]{0,64}"#) {
        let _ = parse_body(body.as_bytes(), 10);
    }
}
