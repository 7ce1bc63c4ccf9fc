//! What an app wants to be told, and where.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::hubspot::model::{Account, ObjectDef, time::iso_millis};
use crate::hubspot::write::{Event, Happened};
use crate::push::Target;

const MAX_SUBSCRIPTIONS: usize = 1_000;
const MAX_CONCURRENT: u32 = 10;
/// Objects that a type of event may begin with; `object` stands for any of them.
const OBJECTS: [&str; 7] = ["contact", "company", "deal", "ticket", "product", "line_item", "object"];
const ACTIONS: [&str; 6] =
    ["creation", "deletion", "merge", "restore", "propertyChange", "associationChange"];

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) id: u64,
    /// `deal.propertyChange`
    pub(crate) event_type: String,
    /// With `object.…`: which object.
    pub(crate) object_type_id: Option<String>,
    pub(crate) property_name: Option<String>,
    pub(crate) active: bool,
    created_at: i64,
    updated_at: i64,
}

impl Subscription {
    /// As the API shows it.
    pub(crate) fn shown(&self) -> Json {
        let mut body = json!({
            "id": self.id.to_string(),
            "eventType": self.event_type,
            "active": self.active,
            "createdAt": iso_millis(self.created_at),
            "updatedAt": iso_millis(self.updated_at),
        });
        if let Some(name) = &self.property_name {
            body["propertyName"] = json!(name);
        }
        if let Some(id) = &self.object_type_id {
            body["objectTypeId"] = json!(id);
        }
        body
    }

    /// Whether an event is what it asks for.
    pub(super) fn wants(&self, event: &Event, def: &ObjectDef) -> bool {
        let Some((object, action)) = self.event_type.split_once('.') else { return false };
        let of_object = if object == "object" {
            self.object_type_id.as_deref().is_some_and(|id| def.answers_to(id))
        } else {
            object == def.singular && !def.custom
        };
        if !self.active || !of_object {
            return false;
        }
        match &event.what {
            Happened::Created => action == "creation",
            Happened::Deleted => action == "deletion",
            Happened::Restored => action == "restore",
            Happened::Merged { .. } => action == "merge",
            Happened::Forgotten => action == "privacyDeletion",
            Happened::Linked { .. } => action == "associationChange",
            Happened::Changed { property, .. } => {
                action == "propertyChange" && self.property_name.as_ref() == Some(property)
            }
        }
    }
}

/// Why the API refuses: HTTP status and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) u16, pub(crate) String);

/// The app as webhooks know it.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) target: Option<Target>,
    pub(crate) max_concurrent: u32,
    settings_at: (i64, i64),
    subscriptions: BTreeMap<u64, Subscription>,
    next_id: u64,
}

impl Default for App {
    fn default() -> Self {
        Self {
            target: None,
            max_concurrent: MAX_CONCURRENT,
            settings_at: (0, 0),
            subscriptions: BTreeMap::new(),
            next_id: 25,
        }
    }
}

impl App {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values()
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Subscription> {
        self.subscriptions.get(&id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        self.subscriptions.remove(&id).is_some()
    }

    /// Whether anything is asked for.
    pub(crate) fn wants_events(&self) -> bool {
        self.target.is_some() && self.subscriptions.values().any(|one| one.active)
    }

    pub(crate) fn set_active(&mut self, id: u64, active: bool, now: i64) -> Option<&Subscription> {
        let one = self.subscriptions.get_mut(&id)?;
        (one.active, one.updated_at) = (active, now);
        Some(one)
    }

    /// Where to, and how much at once.
    pub(crate) fn set_target(&mut self, url: &str, max: Option<u32>, now: i64) -> Result<(), Refusal> {
        let max = max.unwrap_or(self.max_concurrent);
        if max <= 5 {
            return Err(Refusal(400, "maxConcurrentRequests must be greater than 5".to_owned()));
        }
        let target = Target::parse(url).map_err(|error| Refusal(400, error.to_string()))?;
        let created = if self.target.is_some() { self.settings_at.0 } else { now };
        (self.target, self.max_concurrent) = (Some(target), max.min(MAX_CONCURRENT));
        self.settings_at = (created, now);
        Ok(())
    }

    /// Where to, as the API shows it.
    pub(crate) fn shown_settings(&self) -> Option<Json> {
        let target = self.target.as_ref()?;
        Some(json!({
            "targetUrl": target.url,
            "throttling": {"maxConcurrentRequests": self.max_concurrent, "period": "SECONDLY"},
            "createdAt": iso_millis(self.settings_at.0),
            "updatedAt": iso_millis(self.settings_at.1),
        }))
    }

    /// Adds a subscription, checked against what there is.
    pub(crate) fn subscribe(
        &mut self,
        account: &Account,
        event_type: &str,
        object_type_id: Option<&str>,
        property_name: Option<&str>,
        active: bool,
    ) -> Result<&Subscription, Refusal> {
        check_type(account, event_type, object_type_id, property_name)?;
        let same = |one: &&Subscription| {
            one.event_type == event_type
                && one.object_type_id.as_deref() == object_type_id
                && one.property_name.as_deref() == property_name
        };
        if self.subscriptions.values().any(|one| same(&one)) {
            return Err(Refusal(409, "A subscription of this type exists already".to_owned()));
        }
        if self.subscriptions.len() >= MAX_SUBSCRIPTIONS {
            return Err(Refusal(400, format!("An app has at most {MAX_SUBSCRIPTIONS} subscriptions")));
        }
        let id = self.next_id;
        self.next_id += 1;
        let now = account.now_ms();
        let one = Subscription {
            id,
            event_type: event_type.to_owned(),
            object_type_id: object_type_id.map(str::to_owned),
            property_name: property_name.map(str::to_owned),
            active,
            created_at: now,
            updated_at: now,
        };
        Ok(self.subscriptions.entry(id).or_insert(one))
    }
}

fn check_type(
    account: &Account,
    event_type: &str,
    object_type_id: Option<&str>,
    property_name: Option<&str>,
) -> Result<(), Refusal> {
    let bad = |text: String| Err(Refusal(400, text));
    let (object, action) = event_type.split_once('.').unwrap_or((event_type, ""));
    let known = OBJECTS.contains(&object)
        && ACTIONS.contains(&action)
        && (object, action) != ("product", "associationChange");
    if !known && event_type != "contact.privacyDeletion" {
        return bad(format!("{event_type} is not a known event type"));
    }
    let name = if object == "object" { object_type_id.unwrap_or("") } else { object };
    let Some(object) = account.object(name) else {
        return bad(format!("objectTypeId '{name}' is missing or unknown"));
    };
    match (action, property_name) {
        ("propertyChange", None) => bad("propertyName is required for propertyChange".to_owned()),
        ("propertyChange", Some(name)) if account.tables[object].def.property(name).is_none() => {
            bad(format!("property '{name}' does not exist"))
        }
        ("propertyChange", Some(_)) | (_, None) => Ok(()),
        (_, Some(_)) => bad("propertyName goes with propertyChange only".to_owned()),
    }
}
