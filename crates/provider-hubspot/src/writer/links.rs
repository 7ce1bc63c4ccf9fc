//! Associations that written records are to have (reference/hubspot.md, Associations v4).

use std::collections::BTreeMap;

use provider_http::ApiRequest;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::associations::chosen;
use crate::client::{HubspotClient, json as read_json, versioned};
use crate::error::CallError;
use crate::id::HubspotId;
use crate::wire::{BatchError, finished};

/// Associations that one call changes.
const BATCH: usize = 1_000;

/// An association that a record is to have; `None` for none of this object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The other object, as the mapping names it: `companies`.
    pub(crate) object: String,
    pub(crate) to: Option<HubspotId>,
}

/// A kind of association, in one direction.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Label {
    category: String,
    type_id: u32,
    #[serde(default)]
    label: Option<String>,
}

impl Label {
    fn is_primary(&self) -> bool {
        self.category == "HUBSPOT_DEFINED"
            && self.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("primary"))
    }

    fn is_plain(&self) -> bool {
        self.category == "HUBSPOT_DEFINED" && self.label.is_none()
    }
}

/// The kinds that a link of ours is made of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    association_category: String,
    association_type_id: u32,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    errors: Vec<BatchError>,
}

impl HubspotClient {
    /// Gives records of one object the associations they are to have; what they have already is left alone. Returns
    /// the records for which something changed.
    ///
    /// Of several associated records, the one that the link held is replaced: where there is a label `Primary`, by
    /// making the other one primary, else by leaving no other. No link at all takes all away.
    ///
    /// # Errors
    /// [`CallError`]; then some of them may have changed.
    pub(super) async fn link_rows(
        &self,
        from: &str,
        links: &[(HubspotId, Link)],
    ) -> Result<Vec<HubspotId>, CallError> {
        let mut by_object: BTreeMap<&str, Vec<(HubspotId, Option<HubspotId>)>> = BTreeMap::new();
        for (id, link) in links {
            by_object.entry(&link.object).or_default().push((*id, link.to));
        }
        let mut changed = Vec::new();
        for (object, wanted) in by_object {
            let to = self.path_of(object).await?;
            changed.extend(self.link_pair(from, &to, &wanted).await?);
        }
        Ok(changed)
    }

    async fn link_pair(
        &self,
        from: &str,
        to: &str,
        wanted: &[(HubspotId, Option<HubspotId>)],
    ) -> Result<Vec<HubspotId>, CallError> {
        let ids: Vec<HubspotId> = wanted.iter().map(|(id, _)| *id).collect();
        let present = self.associations(from, to, &ids).await?;
        let labels = self.labels(from, to).await?;
        let has_primary = labels.iter().any(Label::is_primary);
        let kinds: Vec<Kind> = labels
            .iter()
            .filter(|label| label.is_primary() || label.is_plain())
            .map(|label| Kind {
                association_category: label.category.clone(),
                association_type_id: label.type_id,
            })
            .collect();
        let (mut new, mut old, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        for (id, link) in wanted {
            let now = present.get(id).map(Vec::as_slice).unwrap_or_default();
            let held = chosen(now);
            if held == *link {
                continue;
            }
            changed.push(*id);
            if let Some(other) = link {
                new.push(
                    json!({"from": {"id": id.to_string()}, "to": {"id": other.to_string()}, "types": kinds}),
                );
            }
            let goes = |other: &HubspotId| {
                Some(*other) != *link && (link.is_none() || !has_primary || Some(*other) == held)
            };
            let gone: Vec<_> = now
                .iter()
                .map(|association| association.to)
                .filter(goes)
                .map(|other| json!({"id": other.to_string()}))
                .collect();
            if !gone.is_empty() {
                old.push(json!({"from": {"id": id.to_string()}, "to": gone}));
            }
        }
        // First the new ones, so that no record is without for a moment.
        let create = if kinds.is_empty() { "associate/default" } else { "create" };
        self.change_associations("associate records", (from, to), create, &new).await?;
        self.change_associations("dissociate records", (from, to), "archive", &old).await?;
        Ok(changed)
    }

    async fn change_associations(
        &self,
        call: &'static str,
        (from, to): (&str, &str),
        operation: &str,
        inputs: &[serde_json::Value],
    ) -> Result<(), CallError> {
        let path = format!("{}/{from}/{to}/batch/{operation}", self.associations_path());
        for inputs in inputs.chunks(BATCH) {
            // Whoever makes the same association twice has made it once.
            let request = ApiRequest::post(call, path.as_str())
                .repeatable(true)
                .json(&json!({"inputs": inputs}))
                .map_err(CallError::Http)?;
            let answer = self.send(request).await?;
            if answer.bytes().is_empty() {
                continue;
            }
            let told: Changed =
                read_json(answer.bytes()).map_err(|what| CallError::Garbled { call, what })?;
            if let Some(error) = told.errors.first() {
                let category: String =
                    error.category.chars().filter(char::is_ascii_graphic).take(60).collect();
                return Err(CallError::Garbled {
                    call,
                    what: format!("part of the batch failed ({category})"),
                });
            }
            finished(told.status.as_deref(), &[]).map_err(|what| CallError::Garbled { call, what })?;
        }
        Ok(())
    }

    async fn labels(&self, from: &str, to: &str) -> Result<Vec<Label>, CallError> {
        #[derive(Deserialize)]
        struct Answer {
            results: Vec<Label>,
        }

        let path = format!("{}/{from}/{to}/labels", self.associations_path());
        let answer: Answer =
            self.read(ApiRequest::get("list kinds of associations", path), read_json).await?;
        Ok(answer.results)
    }

    fn associations_path(&self) -> String {
        versioned("associations", &self.config().associations_version)
    }
}
