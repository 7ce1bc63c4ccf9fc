//! What providers' calls carry: bodies and signatures.

use chrono::DateTime;
use sync_webhooks::{hubspot, salesforce};

use super::Target;

pub(crate) const HUBSPOT_BODY: Target = Target {
    name: "hubspot-body",
    about: "bodies of HubSpot's webhooks: read within the bounds, or refused",
    run: hubspot_body,
    seeds: &[
        br#"[{"eventId":1,"subscriptionId":2,"portalId":3,"appId":4,"occurredAt":1790000000000,"subscriptionType":"deal.propertyChange","attemptNumber":0,"objectId":5,"propertyName":"amount","propertyValue":"1","changeSource":"CRM"}]"#,
        br#"[{"eventId":1,"portalId":3,"occurredAt":1790000000000,"subscriptionType":"contact.merge","primaryObjectId":1,"mergedObjectIds":[2,3],"newObjectId":4}]"#,
        b"[]",
    ],
    words: &[b"[", b"{", b"]", b"}", b"\"\\u0000\"", b"\"\\ud800\"", b"1e999", b"-0", b"9223372036854775808", b"null", b","],
};

pub(crate) const HUBSPOT_SIGNATURE: Target = Target {
    name: "hubspot-signature",
    about: "headers of HubSpot's webhooks: nothing that was not signed with the secret is believed",
    run: hubspot_signature,
    seeds: &[
        b"POST\nhttps://example.test/hubspot?x=%2F\n1790000000000\nv2\nnot+a+signature=\n[]",
        b"POST\nhttps://example.test/%zz\n1790000000000\nv1\n0000\n",
    ],
    words: &[b"%", b"%2F", b"%25", b"=", b"\n", b"v1", b"v2", b"1790000000000", b"-1", b"https://"],
};

pub(crate) const SALESFORCE_MESSAGE: Target = Target {
    name: "salesforce-message",
    about: "Salesforce's outbound messages: nothing is expanded, nothing grows beyond what was sent",
    run: salesforce_message,
    seeds: &[include_bytes!("message.xml")],
    words: &[
        b"<!DOCTYPE x [<!ENTITY a \"b\">]>",
        b"&a;",
        b"&#0;",
        b"&#xFFFFFFFF;",
        b"<![CDATA[",
        b"]]>",
        b"<?x ?>",
        b"<!--",
        b"-->",
        b"<a>",
        b"</a>",
        b" xmlns=\"\"",
        b"\xef\xbb\xbf",
    ],
};

fn hubspot_body(input: &[u8]) {
    const MOST: usize = 100;
    if let Ok(parsed) = hubspot::parse_body(input, MOST) {
        assert!(parsed.events.len() + parsed.n_malformed <= MOST, "more events than one call may bring");
    }
}

fn hubspot_signature(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(6, '\n');
    let mut next = || lines.next().unwrap_or_default();
    let (method, uri, timestamp, version, signature, body) = (next(), next(), next(), next(), next(), next());
    let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap_or_default();
    for (v3, older) in [(Some(signature), None), (None, Some(signature))] {
        let request = hubspot::SignedRequest {
            method,
            uri,
            body: body.as_bytes(),
            signature_v3: v3,
            timestamp: Some(timestamp),
            signature: older,
            version: Some(version),
        };
        let verdict = hubspot::verify(&["a secret that no input knows"], &request, now, true);
        assert!(verdict.is_err(), "believed without the secret: {verdict:?}");
    }
}

fn salesforce_message(input: &[u8]) {
    let Ok(message) = salesforce::parse_message(input) else { return };
    let text = String::from_utf8_lossy(input);
    assert!(
        !text.contains("<!DOCTYPE") || text.contains("<![CDATA[") || text.contains("<!--"),
        "a document type"
    );
    let held: usize = message
        .notifications
        .iter()
        .flat_map(|notification| &notification.fields)
        .map(|field| field.name.len() + field.value.as_ref().map_or(0, String::len))
        .sum();
    assert!(held <= input.len(), "{held} bytes out of {}", input.len());
    assert!(message.notifications.len() <= 100, "more notifications than a message holds");
}

#[cfg(test)]
mod tests {
    use super::super::fed;

    #[test]
    fn hostile_bodies_are_bounded() {
        fed(&super::HUBSPOT_BODY);
    }

    #[test]
    fn nothing_is_believed_without_the_secret() {
        fed(&super::HUBSPOT_SIGNATURE);
    }

    #[test]
    fn hostile_messages_do_not_grow() {
        fed(&super::SALESFORCE_MESSAGE);
    }
}
