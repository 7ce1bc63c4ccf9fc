//! Which records belong together (reference/hubspot.md, Associations v4).

use std::collections::HashMap;

use bytes::Bytes;
use provider_http::ApiRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::client::{HubspotClient, json, versioned};
use crate::error::CallError;
use crate::id::HubspotId;
use crate::wire::{BatchError, Paging, finished};

/// Records that one call asks for.
const BATCH: usize = 1_000;

/// One record that belongs to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Association {
    pub(crate) to: HubspotId,
    /// Labels in order, without the one that marks the primary record.
    pub(crate) labels: Vec<String>,
    pub(crate) primary: bool,
}

/// The record that a link field holds: the primary one, else the only one, else the one with the lowest id.
pub(crate) fn chosen(associations: &[Association]) -> Option<HubspotId> {
    let primary =
        associations.iter().filter(|association| association.primary).map(|association| association.to);
    primary.min().or_else(|| associations.iter().map(|association| association.to).min())
}

#[derive(Clone, Serialize)]
struct Input {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: Option<String>,
    results: Vec<OfOne>,
    #[serde(default)]
    errors: Vec<BatchError>,
}

#[derive(Deserialize)]
struct OfOne {
    from: From,
    to: Vec<To>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct From {
    id: Json,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct To {
    to_object_id: Json,
    #[serde(default)]
    association_types: Vec<Type>,
}

#[derive(Deserialize)]
struct Type {
    #[serde(default)]
    category: String,
    #[serde(default)]
    label: Option<String>,
}

/// What one answer tells: associations by record, and whose list goes on where.
struct Told {
    associations: Vec<(HubspotId, Vec<Association>)>,
    more: Vec<Input>,
}

impl HubspotClient {
    /// The associations of records, each in the order of the other ids. A record that has none, or that is gone,
    /// is not in the result.
    pub(crate) async fn associations(
        &self,
        from: &str,
        to: &str,
        ids: &[HubspotId],
    ) -> Result<HashMap<HubspotId, Vec<Association>>, CallError> {
        #[derive(Serialize)]
        struct Inputs<'a> {
            inputs: &'a [Input],
        }

        let resource = versioned("associations", &self.config().associations_version);
        let path = format!("{resource}/{from}/{to}/batch/read");
        let mut found: HashMap<HubspotId, Vec<Association>> = HashMap::new();
        for ids in ids.chunks(BATCH) {
            let mut inputs: Vec<_> = ids.iter().map(|id| Input { id: id.to_string(), after: None }).collect();
            while !inputs.is_empty() {
                let request = ApiRequest::post("read associations", path.as_str())
                    .json(&Inputs { inputs: &inputs })
                    .map_err(CallError::Http)?;
                let told = self.read(request, |body| told(body, &inputs)).await?;
                for (id, associations) in told.associations {
                    found.entry(id).or_default().extend(associations);
                }
                inputs = told.more;
            }
        }
        for associations in found.values_mut() {
            associations.sort_by_key(|association| association.to);
            associations.dedup_by(|again, first| again.to == first.to && merge(first, again));
        }
        found.retain(|_, associations| !associations.is_empty());
        Ok(found)
    }
}

/// Two entries for one record, as when its labels are told apart: one association with both.
fn merge(first: &mut Association, again: &mut Association) -> bool {
    first.labels.append(&mut again.labels);
    first.labels.sort();
    first.labels.dedup();
    first.primary |= again.primary;
    true
}

fn told(body: &Bytes, asked: &[Input]) -> Result<Told, String> {
    let answer: Answer = json(body)?;
    finished(answer.status.as_deref(), &answer.errors)?;
    let mut told = Told { associations: Vec::new(), more: Vec::new() };
    for of_one in answer.results {
        let from = id(&of_one.from.id)?;
        let associations: Result<Vec<_>, String> = of_one.to.iter().map(association).collect();
        told.associations.push((from, associations?));
        if let Some(after) = Paging::next(of_one.paging)? {
            let input = Input { id: from.to_string(), after: Some(after) };
            let is_new = |known: &Input| known.id != input.id || known.after != input.after;
            if !asked.iter().all(is_new) {
                return Err("a page of associations names itself as the next one".to_owned());
            }
            told.more.push(input);
        }
    }
    Ok(told)
}

fn association(to: &To) -> Result<Association, String> {
    let is_primary = |kind: &Type| {
        kind.category == "HUBSPOT_DEFINED"
            && kind.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("primary"))
    };
    let primary = to.association_types.iter().any(is_primary);
    let mut labels: Vec<String> = to
        .association_types
        .iter()
        .filter(|kind| !is_primary(kind))
        .filter_map(|kind| kind.label.clone())
        .filter(|label| !label.is_empty())
        .collect();
    labels.sort();
    labels.dedup();
    Ok(Association { to: id(&to.to_object_id)?, labels, primary })
}

/// An id as text or as a number: both occur.
fn id(json: &Json) -> Result<HubspotId, String> {
    let id = match json {
        Json::String(text) => HubspotId::parse(text),
        Json::Number(number) => HubspotId::parse(&number.to_string()),
        _ => None,
    };
    id.ok_or_else(|| "an association has no usable id".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = r#"{"status":"COMPLETE","results":[
        {"from":{"id":"5551"},"to":[
          {"toObjectId":802,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":341,"label":null}]},
          {"toObjectId":"801","associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":5,"label":"Primary"},
            {"category":"USER_DEFINED","typeId":37,"label":"Reseller"},{"category":"USER_DEFINED","typeId":38,"label":"Agency"}]}],
         "paging":{"next":{"after":"500","link":"x"}}}],
        "numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","subCategory":"crm.associations.NO_ASSOCIATIONS_FOUND",
         "message":"No company is associated with deal 5552.","context":{"fromObjectId":["5552"]}}]}"#;

    fn input(after: Option<&str>) -> Input {
        Input { id: "5551".to_owned(), after: after.map(str::to_owned) }
    }

    fn read(text: &str) -> Result<Told, String> {
        told(&Bytes::copy_from_slice(text.as_bytes()), &[input(None)])
    }

    #[test]
    fn documented_answer_is_read() {
        let told = read(ANSWER).unwrap();
        let (from, associations) = &told.associations[0];
        assert_eq!(from.get(), 5551);
        assert_eq!(associations[1].labels, ["Agency", "Reseller"]);
        assert!(associations[1].primary && !associations[0].primary);
        assert_eq!(chosen(associations).map(HubspotId::get), Some(801));
        assert_eq!(told.more[0].after.as_deref(), Some("500"));
    }

    #[test]
    fn place_that_was_asked_for_is_not_asked_for_again() {
        let asked = [input(Some("500"))];
        assert!(super::told(&Bytes::from_static(ANSWER.as_bytes()), &asked).is_err());
    }

    #[test]
    fn failure_of_a_part_is_no_absence() {
        for text in [
            r#"{"results":[],"errors":[{"category":"INTERNAL_ERROR"}]}"#,
            r#"{"status":"PENDING","results":[]}"#,
            r#"{"results":[{"from":{"id":"x"},"to":[]}]}"#,
            r#"{"results":[{"from":{"id":"1"},"to":[{"toObjectId":null}]}]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn link_is_the_primary_else_the_lowest() {
        let one = |to: &str, primary| Association {
            to: HubspotId::parse(to).unwrap(),
            labels: Vec::new(),
            primary,
        };
        let choose = |associations: &[Association]| chosen(associations).map(HubspotId::get);
        assert_eq!(choose(&[]), None);
        assert_eq!(choose(&[one("9", false)]), Some(9));
        assert_eq!(choose(&[one("9", false), one("8", false)]), Some(8));
        assert_eq!(choose(&[one("7", false), one("9", true)]), Some(9));
    }
}
