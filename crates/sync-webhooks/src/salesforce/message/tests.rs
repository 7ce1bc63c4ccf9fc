use proptest::prelude::*;

use super::*;

/// The example of reference/salesforce.md, Outbound Messages.
const MESSAGE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
  <OrganizationId>00DDn000000ZyXwMAK</OrganizationId><ActionId>04kDn0000004AbCIAU</ActionId><SessionId xsi:nil="true"/>
  <EnterpriseUrl>https://acme.my.salesforce.com/services/Soap/c/66.0/00DDn000000ZyXw</EnterpriseUrl>
  <Notification><Id>04lDn0000012AbCIAU</Id>
   <sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com"><sf:Id>001Dn00000AbCdEIAV</sf:Id><sf:Name>Acme &amp; S&#246;hne &lt;GmbH&gt;</sf:Name><sf:Site xsi:nil="true"/><sf:Phone></sf:Phone></sObject>
  </Notification></notifications></soapenv:Body></soapenv:Envelope>"#;

fn with(from: &str, to: &str) -> Result<Message, MessageError> {
    assert!(MESSAGE.contains(from), "{from}");
    parse_message(MESSAGE.replacen(from, to, 1).as_bytes())
}

#[test]
fn message_is_read_whole() {
    let message = parse_message(MESSAGE.as_bytes()).unwrap();
    assert_eq!(
        (&*message.organization_id, &*message.action_id),
        ("00DDn000000ZyXwMAK", "04kDn0000004AbCIAU")
    );
    let [notification] = &message.notifications[..] else { panic!("{message:?}") };
    assert_eq!((&*notification.id, &*notification.object), ("04lDn0000012AbCIAU", "Account"));
    let fields: Vec<_> = notification.fields.iter().map(|f| (&*f.name, f.value.as_deref())).collect();
    let name = Some("Acme & Söhne <GmbH>");
    assert_eq!(
        fields,
        [("Id", Some("001Dn00000AbCdEIAV")), ("Name", name), ("Site", None), ("Phone", Some(""))]
    );
}

#[test]
fn other_prefixes_and_cdata_are_the_same() {
    let plain = parse_message(MESSAGE.as_bytes()).unwrap();
    let other = MESSAGE.replace("soapenv", "s").replace("sf:", "q:").replace("xmlns:sf", "xmlns:q");
    let other = other.replace("Acme &amp; S&#246;hne &lt;GmbH&gt;", "<![CDATA[Acme & Söhne <GmbH>]]>");
    assert_eq!(parse_message(other.as_bytes()), Ok(plain));
}

#[test]
fn nothing_is_expanded() {
    let laughs = r#"<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;">]><soapenv:Envelope"#;
    assert_eq!(with("<soapenv:Envelope", laughs), Err(MessageError::Forbidden));
    let outside = r#"<!DOCTYPE x SYSTEM "file:///etc/passwd"><soapenv:Envelope"#;
    assert_eq!(with("<soapenv:Envelope", outside), Err(MessageError::Forbidden));
    assert_eq!(with("&amp;", "&lol;"), Err(MessageError::Forbidden));
    assert_eq!(with("&amp;", "<?php evil ?>"), Err(MessageError::Forbidden));
    assert_eq!(with("&#246;", "&#0;"), Err(MessageError::NotXml));
    assert_eq!(with("&#246;", "&#xD800;"), Err(MessageError::NotXml));
}

#[test]
fn size_is_bounded_in_every_direction() {
    let many = |from: &str, n: usize| with(from, &from.repeat(n));
    let record = &MESSAGE[MESSAGE.find("<Notification>").unwrap()..];
    let record = &record[..record.find("</notifications>").unwrap()];
    assert_eq!(many(record, 100).unwrap().notifications.len(), 100);
    assert_eq!(many(record, 101), Err(MessageError::TooLarge));
    let fields: String = (0..1_000).map(|n| format!("<sf:F{n}>x</sf:F{n}>")).collect();
    assert_eq!(with("<sf:Phone></sf:Phone>", &fields), Err(MessageError::TooLarge));
    let deep = "<sf:a>".repeat(100_000) + &"</sf:a>".repeat(100_000);
    assert_eq!(with("<sf:Phone></sf:Phone>", &deep), Err(MessageError::TooLarge));
    let attributes: String = (0..10_000).map(|n| format!(r#" a{n}="x""#)).collect();
    assert_eq!(with("<sf:Phone>", &format!("<sf:Phone{attributes}>")), Err(MessageError::TooLarge));
}

#[test]
fn what_is_no_message_is_refused() {
    let not_a_message = [
        with("00DDn000000ZyXwMAK", ""),
        with("00DDn000000ZyXwMAK", "00D' or 1=1 --"),
        with("<OrganizationId>00DDn000000ZyXwMAK</OrganizationId>", ""),
        with("<Id>04lDn0000012AbCIAU</Id>", ""),
        with("<sf:Id>001Dn00000AbCdEIAV</sf:Id>", ""),
        with(r#" xsi:type="sf:Account""#, ""),
        with("http://soap.sforce.com/2005/09/outbound", "urn:other"),
        with("http://schemas.xmlsoap.org/soap/envelope/", "urn:other"),
        with("<sf:Name>", "<sf:Id>001Dn00000AbCdFIAV</sf:Id><sf:Name>"),
        parse_message(b"<a/>"),
    ];
    for (n, refused) in not_a_message.into_iter().enumerate() {
        assert_eq!(refused, Err(MessageError::NotAMessage), "case {n}");
    }
    for cut in [0, 1, 200, MESSAGE.len() - 1] {
        assert!(parse_message(&MESSAGE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
    assert_eq!(with("</sf:Name>", "</sf:Nome>"), Err(MessageError::NotXml));
    assert_eq!(parse_message(b"\xff\xfe<\0a\0"), Err(MessageError::NotXml));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = parse_message(&body);
    }

    #[test]
    fn no_change_makes_it_panic(at in 0..MESSAGE.len(), byte: u8) {
        let mut body = MESSAGE.as_bytes().to_vec();
        body[at] = byte;
        let _ = parse_message(&body);
    }
}
