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
