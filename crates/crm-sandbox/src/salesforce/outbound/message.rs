//! The message and its answer.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

use super::Action;
use super::queue::Note;
use crate::salesforce::model::{Org, Value};

const VERSION: &str = "66.0";

/// The envelope with the newest values of each row; `None` when none of the rows is left.
pub(super) fn envelope(org: &Org, base_url: &str, action: &Action, notes: &[Note]) -> Option<String> {
    let mut told = String::new();
    for note in notes {
        told += &notification(org, action, note).unwrap_or_default();
    }
    if told.is_empty() {
        return None;
    }
    let org_id = org.org_id;
    let short = &org_id.as_str()[..15];
    let base = escape(base_url);
    Some(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n \
         <soapenv:Body>\n  <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\">\n   \
         <OrganizationId>{org_id}</OrganizationId>\n   <ActionId>{}</ActionId>\n   \
         <SessionId xsi:nil=\"true\"/>\n   \
         <EnterpriseUrl>{base}/services/Soap/c/{VERSION}/{short}</EnterpriseUrl>\n   \
         <PartnerUrl>{base}/services/Soap/u/{VERSION}/{short}</PartnerUrl>\n{told}  \
         </notifications>\n </soapenv:Body>\n</soapenv:Envelope>",
        action.id
    ))
}

/// One row; nothing when it was deleted meanwhile.
fn notification(org: &Org, action: &Action, note: &Note) -> Option<String> {
    let table = org.table_of(&note.row)?;
    let row = table.newest(&note.row).filter(|row| !row.is_deleted())?;
    let mut out = format!(
        "   <Notification>\n    <Id>{}</Id>\n    <sObject xsi:type=\"sf:{}\" \
         xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\n     <sf:Id>{}</sf:Id>\n",
        note.id, table.def.name, note.row
    );
    for name in &action.rule.fields {
        let Some(index) = table.def.field_index(name) else { continue };
        let field = &table.def.fields()[index];
        if let Some(text) = text_of(&org.value(table, row, index, org.now_ms())) {
            // Writing to a String can't fail.
            let _ = writeln!(out, "     <sf:{0}>{1}</sf:{0}>", field.name, escape(text.as_ref()));
        }
    }
    out += "    </sObject>\n   </Notification>\n";
    Some(out)
}

/// A value as XML text; nulls and compounds are left out.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null | Value::Compound(_) => None,
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::DateTime(ms) => {
            let at = DateTime::from_timestamp_millis(*ms)?;
            Some(at.to_rfc3339_opts(SecondsFormat::Millis, true).into())
        }
        other => {
            let mut json = Vec::new();
            other.write_json(&mut json);
            let text = String::from_utf8(json).ok()?;
            Some(text.trim_matches('"').to_owned().into())
        }
    }
}

/// Whether the answer says that the message was taken: `<Ack>true</Ack>` within a `notificationsResponse`.
pub(super) fn acknowledges(body: &[u8]) -> bool {
    let mut reader = Reader::from_reader(body);
    let (mut in_response, mut in_ack, mut taken) = (false, false, false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => match start.local_name().as_ref() {
                "notificationsResponse" => in_response = true,
                "Ack" => in_ack = in_response,
                _ => {}
            },
            Ok(Event::Text(text)) if in_ack => taken = text.as_ref().trim() == "true",
            Ok(Event::End(end)) if end.local_name().as_ref() == "Ack" => in_ack = false,
            Ok(Event::Eof) => return taken,
            Err(_) => return false,
            Ok(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_true_in_its_place_acknowledges() {
        let answer = |inner: &str| {
            format!(
                "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
                 <n:notificationsResponse xmlns:n=\"http://soap.sforce.com/2005/09/outbound\">{inner}\
                 </n:notificationsResponse></s:Body></s:Envelope>"
            )
        };
        assert!(acknowledges(answer("<n:Ack> true </n:Ack>").as_bytes()));
        for bad in
            [answer("<n:Ack>false</n:Ack>"), answer(""), "<Ack>true</Ack>".to_owned(), "true".to_owned()]
        {
            assert!(!acknowledges(bad.as_bytes()), "{bad}");
        }
        assert!(!acknowledges(answer("<n:Ack>true</n:Ick>").as_bytes()));
    }
}
