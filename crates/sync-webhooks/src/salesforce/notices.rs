//! What a message says of records, for each feed that it concerns.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use sync_core::value::parse_instant;
use sync_core::{Notice, NoticeKind};

use super::message::Notification;
use crate::Recipient;

/// What a notification says to each of these recipients; nothing where it concerns none of them. A record that does
/// not tell when it was modified counts as modified `now`.
pub(crate) fn notices(
    notification: &Notification,
    recipients: &[Recipient],
    now: DateTime<Utc>,
) -> Vec<Notice> {
    let Some(id) = notification.field("Id") else { return Vec::new() };
    let stamp = |name| notification.field(name).and_then(parse_instant);
    let occurred_at = stamp("SystemModstamp").or_else(|| stamp("LastModifiedDate")).unwrap_or(now);
    let concerned = recipients.iter().filter(|r| r.object.eq_ignore_ascii_case(&notification.object));
    let notice = |recipient: &Recipient| Notice {
        key: recipient.key.clone(),
        subscription: recipient.subscription,
        dedup_key: notification.id.as_str().into(),
        external_id: long_id(id).into(),
        kind: NoticeKind::Changed,
        merged_into: None,
        occurred_at,
        body: Some(body(notification).into()),
    };
    concerned.map(notice).collect()
}

/// The fields as a JSON object. Their types are not known here: every value is text or null.
fn body(notification: &Notification) -> String {
    let value = |value: &Option<String>| value.clone().map_or(Json::Null, Json::from);
    let fields = notification.fields.iter().map(|field| (field.name.clone(), value(&field.value)));
    Json::Object(Map::from_iter(fields)).to_string()
}

/// An id in its long form: the last three characters tell which of the others are capitals (reference/salesforce.md,
/// Ids).
fn long_id(id: &str) -> String {
    const SUFFIX: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if id.len() != 15 {
        return id.to_owned();
    }
    let mut long = id.to_owned();
    for chunk in id.as_bytes().chunks(5) {
        let capitals = chunk.iter().enumerate().filter(|(_, b)| b.is_ascii_uppercase());
        long.push(char::from(SUFFIX[capitals.fold(0_usize, |bits, (n, _)| bits | 1 << n)]));
    }
    long
}

#[cfg(test)]
mod tests;
