//! What an event says of records, for each feed that it concerns.

use chrono::DateTime;
use sync_core::{ExternalId, Notice, NoticeKind};

use super::event::{Event, Id};
use super::signature::sha256_hex;
use crate::Recipient;

/// Objects by the words that HubSpot has for them: one record, the list of them, the type id
/// (reference/hubspot.md, Conventions).
const OBJECTS: [(&str, &str, &str); 14] = [
    ("contact", "contacts", "0-1"),
    ("company", "companies", "0-2"),
    ("deal", "deals", "0-3"),
    ("ticket", "tickets", "0-5"),
    ("product", "products", "0-7"),
    ("line_item", "line_items", "0-8"),
    ("quote", "quotes", "0-14"),
    ("task", "tasks", "0-27"),
    ("note", "notes", "0-46"),
    ("meeting", "meetings", "0-47"),
    ("call", "calls", "0-48"),
    ("email", "emails", "0-49"),
    ("user", "users", "0-115"),
    ("lead", "leads", "0-136"),
];

/// A dedup key that is longer is replaced by its hash.
const LONGEST_KEY: usize = 200;

/// What an event says to each of these recipients; nothing where it concerns none of them.
pub(crate) fn notices(event: &Event, recipients: &[Recipient]) -> Vec<Notice> {
    let Some((object, what)) = event.subscription_type.split_once('.') else { return Vec::new() };
    let about = said(event, object, what);
    let key = dedup_key(event);
    let mut notices = Vec::new();
    for recipient in recipients {
        for (target, said) in &about {
            let Some(external_id) = target.in_feed(recipient) else { continue };
            let dedup_key = bounded(format!("{key}#{}#{external_id}", said.kind().as_str()));
            notices.push(Notice {
                key: recipient.key.clone(),
                subscription: recipient.subscription,
                dedup_key,
                external_id,
                kind: said.kind(),
                merged_into: said.survivor(),
                occurred_at: DateTime::from_timestamp_millis(event.occurred_at).unwrap_or_default(),
                body: None,
            });
        }
    }
    notices
}

/// A record, or a link between two.
enum Target<'a> {
    Record { object: &'a str, id: Id },
    Pair { from: (&'a str, Id), to: (&'a str, Id) },
}

#[derive(Clone, Copy)]
enum Said {
    Changed,
    Deleted,
    Purged,
    MergedInto(Id),
}

impl Said {
    const fn kind(self) -> NoticeKind {
        match self {
            Self::Changed => NoticeKind::Changed,
            Self::Deleted => NoticeKind::Deleted,
            Self::Purged => NoticeKind::Purged,
            Self::MergedInto(_) => NoticeKind::Merged,
        }
    }

    fn survivor(self) -> Option<ExternalId> {
        match self {
            Self::MergedInto(id) => Some(id.to_string().into()),
            _ => None,
        }
    }
}

impl Target<'_> {
    /// What the record is called in a feed; `None` where the feed is not about it.
    fn in_feed(&self, recipient: &Recipient) -> Option<ExternalId> {
        let reads = |object: &str| {
            is_object(&recipient.object, object) || recipient.object_id.as_deref() == Some(object)
        };
        match (self, recipient.object.split_once('/')) {
            (Self::Record { object, id }, None) => reads(object).then(|| id.to_string().into()),
            (Self::Pair { from, to }, Some((one, other))) => {
                let ends = if is_object(one, from.0) && is_object(other, to.0) {
                    (from.1, to.1)
                } else if is_object(one, to.0) && is_object(other, from.0) {
                    (to.1, from.1)
                } else {
                    return None;
                };
                Some(format!("{}-{}", ends.0, ends.1).into())
            }
            _ => None,
        }
    }
}

/// Whether two words mean the same object.
fn is_object(ours: &str, theirs: &str) -> bool {
    let canonical = |word: &str| {
        let same = |name: &str| name.eq_ignore_ascii_case(word);
        OBJECTS.iter().find(|(one, many, id)| same(one) || same(many) || same(id)).map(|(_, many, _)| *many)
    };
    ours.eq_ignore_ascii_case(theirs) || canonical(ours).is_some_and(|ours| canonical(theirs) == Some(ours))
}

fn said<'a>(event: &'a Event, object: &'a str, what: &str) -> Vec<(Target<'a>, Said)> {
    let object = match (object, event.object_type_id.as_deref()) {
        ("object", Some(id)) => id,
        (named, _) => named,
    };
    let record = |id| Target::Record { object, id };
    let own = |said| event.object_id.map(|id| (record(id), said)).into_iter().collect();
    match what {
        "creation" | "propertyChange" | "restore" => own(Said::Changed),
        "deletion" => own(Said::Deleted),
        "privacyDeletion" => own(Said::Purged),
        "merge" => merged(event).map_or_else(Vec::new, |(survivor, losers)| {
            let losers = losers.into_iter().map(|loser| (record(loser), Said::MergedInto(survivor)));
            losers.chain([(record(survivor), Said::Changed)]).collect()
        }),
        "associationChange" => linked(event, object),
        _ => Vec::new(),
    }
}

/// Who survives a merge, and who does not.
fn merged(event: &Event) -> Option<(Id, Vec<Id>)> {
    let survivor = event.new_object_id.or(event.primary_object_id).or(event.object_id)?;
    let others = event.merged_object_ids.iter().flatten().copied();
    let mut losers: Vec<Id> = others.chain(event.primary_object_id).filter(|id| *id != survivor).collect();
    losers.sort_unstable();
    losers.dedup();
    Some((survivor, losers))
}

/// The link itself, for feeds of links; and the record at its near end, whose own link may be it.
fn linked<'a>(event: &'a Event, object: &'a str) -> Vec<(Target<'a>, Said)> {
    let (Some(from), Some(to)) = (event.from_object_id, event.to_object_id) else { return Vec::new() };
    let words = event.association_type.as_deref().and_then(|words| words.split_once("_TO_"));
    let ids = event.from_object_type_id.as_deref().zip(event.to_object_type_id.as_deref());
    let (near, far) = ids.or(words).unwrap_or((object, ""));
    vec![
        (Target::Record { object: near, id: from }, Said::Changed),
        (Target::Pair { from: (near, from), to: (far, to) }, Said::Changed),
    ]
}

/// What tells a repeat: the event id alone does not, and the attempt's number would not (reference/hubspot.md,
/// Webhooks).
fn dedup_key(event: &Event) -> String {
    let or_nothing = |id: Option<Id>| id.map(|id| id.to_string()).unwrap_or_default();
    let record = match (event.object_id, event.from_object_id, event.to_object_id) {
        (Some(id), ..) => id.to_string(),
        (None, Some(from), Some(to)) => format!("{from}-{to}"),
        _ => String::new(),
    };
    format!(
        "{}:{}:{record}:{}:{}:{}",
        event.portal_id,
        or_nothing(event.subscription_id),
        event.property_name.as_deref().unwrap_or_default(),
        event.occurred_at,
        or_nothing(event.event_id),
    )
}

fn bounded(key: String) -> Box<str> {
    if key.len() > LONGEST_KEY { sha256_hex(&[key.as_bytes()]).into() } else { key.into() }
}

#[cfg(test)]
mod tests;
