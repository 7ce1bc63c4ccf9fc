//! Searches for what was modified within a window (reference/hubspot.md, Safe incremental sync).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::filter::{Condition, SearchFilter};
use crate::id::HubspotId;
use crate::plan::Plan;

/// Characters of a search's body that are accepted.
const LONGEST_BODY: usize = 3_000;
/// Filters that one group takes, less the three of a window.
const MOST_FILTERS: usize = 6 - 3;
/// Characters that the entity's own filters may take.
const LONGEST_FILTERS: usize = 1_500;

/// A stretch of time in which records were modified, `from` included, `to` not. Both ends are fixed before it
/// is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: DateTime<Utc>,
    /// What was modified earlier was read before.
    pub(crate) fresh: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
}

/// A search in the order of ids, after one of them.
///
/// Every page is a search of its own, after the last id of the page before. So no page begins beyond the ten
/// thousandth result, where searches end; and a record that leaves the window because it is edited meanwhile
/// shifts no other across a page's edge, as it would with offsets.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Search<'a> {
    filter_groups: [Group; 1],
    sorts: [Sort; 1],
    properties: Vec<&'a str>,
    limit: u16,
}

#[derive(Debug, PartialEq, Serialize)]
struct Group {
    filters: Vec<SearchFilter>,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sort {
    property_name: &'static str,
    direction: &'static str,
}

const ID: &str = "hs_object_id";

impl<'a> Search<'a> {
    /// The search, and whether its records hold all properties; otherwise they hold their stamp alone, because
    /// the body would be too long.
    pub(crate) fn new(plan: &'a Plan, window: &Window, after: Option<HubspotId>, limit: u16) -> (Self, bool) {
        let stamp = plan.walked_stamp;
        let mut filters = vec![
            filter(stamp, "GTE", window.from.timestamp_millis().to_string()),
            filter(stamp, "LT", window.to.timestamp_millis().to_string()),
        ];
        filters.extend(after.map(|id| filter(ID, "GT", id.to_string())));
        filters.extend(pushed_down(plan));
        let mut search = Self {
            filter_groups: [Group { filters }],
            sorts: [Sort { property_name: ID, direction: "ASCENDING" }],
            properties: plan.properties.iter().map(String::as_str).collect(),
            limit: limit.clamp(1, 200),
        };
        let fits = serde_json::to_string(&search).is_ok_and(|body| body.chars().count() <= LONGEST_BODY);
        if !fits {
            search.properties = vec![stamp];
        }
        (search, fits)
    }
}

/// The entity's own filters, as many as a search takes. Associations have none that the walked object knows.
fn pushed_down(plan: &Plan) -> Vec<SearchFilter> {
    if plan.is_links() {
        return Vec::new();
    }
    let is_property = |condition: &&Condition| plan.properties.contains(&condition.property);
    let mut length = 0;
    let sent = plan.conditions.iter().filter(is_property).filter_map(Condition::for_search);
    sent.filter(|filter| {
        let this = serde_json::to_string(filter).map_or(usize::MAX, |text| text.len());
        let fits = this <= LONGEST_FILTERS - length;
        length += if fits { this } else { 0 };
        fits
    })
    .take(MOST_FILTERS)
    .collect()
}

fn filter(property: &str, operator: &'static str, value: String) -> SearchFilter {
    SearchFilter { property_name: property.to_owned(), operator, value: Some(value), values: Vec::new() }
}

#[cfg(test)]
mod tests {
    use sync_detection::Filter;

    use super::*;
    use crate::plan::Plan;

    fn window() -> Window {
        let at = |text: &str| text.parse().unwrap();
        Window {
            from: at("2026-01-02T10:00:00Z"),
            fresh: at("2026-01-02T10:10:00Z"),
            to: at("2026-01-02T10:30:00.123Z"),
        }
    }

    fn plan(properties: usize, filters: &[&str]) -> Plan {
        let property =
            |name: String| serde_json::json!({"name": name, "type": "string", "hubspotDefined": true});
        let names = ["stage".to_owned(), "kind".to_owned()];
        let description: crate::describe::ObjectDescription = serde_json::from_value(serde_json::json!({
            "name": "deals", "path": "deals", "properties": names.map(property),
        }))
        .unwrap();
        let filters: Vec<Filter> =
            filters.iter().map(|filter| serde_json::from_str(filter).unwrap()).collect();
        let paths = ("deals".to_owned(), String::new());
        let mut plan = Plan::of_ids("deals", paths, Some(&description), &filters).unwrap();
        plan.properties.extend((0..properties).map(|n| format!("customer_made_property_{n}")));
        plan
    }

    fn body(plan: &Plan, after: Option<&str>) -> (String, bool) {
        let (search, is_whole) = Search::new(plan, &window(), after.and_then(HubspotId::parse), 500);
        (serde_json::to_string(&search).unwrap(), is_whole)
    }

    #[test]
    fn window_is_searched_in_the_order_of_ids_after_one_of_them() {
        let (first, _) = body(&plan(0, &[]), None);
        assert_eq!(
            first,
            r#"{"filterGroups":[{"filters":[{"propertyName":"hs_lastmodifieddate","operator":"GTE","value":"1767348000000"},{"propertyName":"hs_lastmodifieddate","operator":"LT","value":"1767349800123"}]}],"sorts":[{"propertyName":"hs_object_id","direction":"ASCENDING"}],"properties":["hs_lastmodifieddate"],"limit":200}"#
        );
        let (next, _) = body(&plan(0, &[]), Some("5551"));
        assert!(
            next.contains(r#"{"propertyName":"hs_object_id","operator":"GT","value":"5551"}]"#),
            "{next}"
        );
        assert!(!next.contains("\"after\""), "no offset, so no ten thousandth result");
    }

    #[test]
    fn property_list_that_does_not_fit_the_body_is_left_to_reading_by_id() {
        let (body_, is_whole) = body(&plan(80, &[]), Some("5551"));
        assert!(is_whole && body_.len() <= 3_000);
        let (body_, is_whole) = body(&plan(120, &[]), Some("5551"));
        assert!(!is_whole && body_.contains(r#""properties":["hs_lastmodifieddate"]"#), "{body_}");
    }

    #[test]
    fn filters_are_sent_along_as_far_as_a_search_takes_them() {
        let long = format!(r#"{{"field":"stage","op":"in","value":["{}"]}}"#, "x".repeat(2_000));
        let filters = [
            long.as_str(),
            r#"{"field":"kind","op":"neq","value":"a"}"#,
            r#"{"field":"kind","op":"eq","value":"b"}"#,
            r#"{"field":"stage","op":"neq","value":null}"#,
            r#"{"field":"kind","op":"in","value":["b","c"]}"#,
            r#"{"field":"stage","op":"eq","value":"d"}"#,
        ];
        let (sent, _) = body(&plan(0, &filters), Some("5551"));
        assert_eq!(sent.matches("\"propertyName\":\"kind\"").count(), 2, "{sent}");
        assert_eq!(sent.matches("\"operator\"").count(), 6, "{sent}");
        assert!(!sent.contains("xxxx") && !sent.contains("NEQ"), "{sent}");
    }
}
