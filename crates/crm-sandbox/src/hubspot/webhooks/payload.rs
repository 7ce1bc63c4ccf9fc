//! An event as a receiver reads it.

use serde_json::{Value as Json, json};

use super::Subscription;
use crate::hubspot::http::category;
use crate::hubspot::model::Account;
use crate::hubspot::write::{Event, Happened, Origin};

/// The event for one subscription; `attemptNumber` is filled in when it is sent.
pub(super) fn of(
    account: &Account,
    app_id: u64,
    event_id: u64,
    event: &Event,
    for_whom: &Subscription,
) -> Json {
    let def = &account.tables[event.object].def;
    let mut body = json!({
        "eventId": event_id,
        "subscriptionId": for_whom.id,
        "portalId": account.portal_id,
        "appId": app_id,
        "occurredAt": event.at,
        "subscriptionType": for_whom.event_type,
        "attemptNumber": 0,
        "changeSource": event.origin.source,
    });
    if let Some(id) = source_id(event.origin, app_id) {
        body["sourceId"] = json!(id);
    }
    let generic = for_whom.event_type.starts_with("object.");
    if generic {
        body["objectTypeId"] = json!(def.type_id);
    }
    let more = match &event.what {
        Happened::Created => json!({"objectId": event.id, "changeFlag": "NEW"}),
        Happened::Deleted => json!({"objectId": event.id, "changeFlag": "DELETED"}),
        Happened::Restored => json!({"objectId": event.id, "changeFlag": "RESTORED"}),
        Happened::Forgotten => json!({"objectId": event.id}),
        Happened::Changed { property, value } => {
            json!({"objectId": event.id, "propertyName": property, "propertyValue": value})
        }
        Happened::Merged { primary, losers, survivor, moved } => {
            let mut merged = json!({
                "objectId": survivor,
                "primaryObjectId": primary,
                "mergedObjectIds": losers,
                "numberOfPropertiesMoved": moved,
                "changeFlag": "MERGED",
            });
            if survivor != primary {
                merged["newObjectId"] = json!(survivor);
            }
            merged
        }
        Happened::Linked { .. } => linked(account, event, generic),
    };
    if generic && matches!(event.what, Happened::Changed { .. }) {
        body["isSensitive"] = json!(false);
    }
    if let (Json::Object(body), Json::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

fn source_id(origin: Origin, app_id: u64) -> Option<String> {
    match origin.source {
        "INTEGRATION" => Some(origin.app.unwrap_or(app_id).to_string()),
        "CRM_UI" => Some("userId:77".to_owned()),
        "AUTOMATION_PLATFORM" => Some("workflowId:1".to_owned()),
        _ => None,
    }
}

fn linked(account: &Account, event: &Event, generic: bool) -> Json {
    let Happened::Linked { pair, to, types, removed } = &event.what else { return json!({}) };
    let labels: Vec<_> = types.iter().filter_map(|type_id| account.links.label(*pair, *type_id)).collect();
    let primary = labels.iter().any(|label| label.primary);
    let name = |object: usize| account.tables[object].def.singular.to_uppercase();
    let mut body = json!({
        "associationType": format!("{}_TO_{}", name(pair.from), name(pair.to)),
        "fromObjectId": event.id,
        "toObjectId": to,
        "associationRemoved": removed,
        "isPrimaryAssociation": primary,
    });
    if generic {
        body["fromObjectTypeId"] = json!(account.tables[pair.from].def.type_id);
        body["toObjectTypeId"] = json!(account.tables[pair.to].def.type_id);
        if let Some(label) = labels.first() {
            body["associationTypeId"] = json!(label.type_id);
            body["associationCategory"] = json!(category(label.category));
        }
    }
    body
}
