//! Whole records: what a page lacks is fetched by id.

use std::collections::HashMap;

use provider_http::slices;
use serde_json::json;

use crate::associations::chosen;
use crate::calls::Shown;
use crate::client::HubspotClient;
use crate::error::CallError;
use crate::id::HubspotId;
use crate::plan::Plan;
use crate::record::{HubspotRecord, inline_ids};
use crate::search::{Search, Window};
use crate::wire::Row;

/// A page of the list, complete.
pub(crate) struct Listed {
    pub(crate) rows: Vec<Row>,
    pub(crate) next: Option<String>,
}

/// A page of a window, complete.
pub(crate) struct Found {
    pub(crate) rows: Vec<Row>,
    /// After which id the next page begins.
    pub(crate) last: Option<HubspotId>,
    pub(crate) is_last: bool,
}

impl HubspotClient {
    /// A page of the list of all live records, with everything the plan asks for.
    pub(crate) async fn listed(&self, plan: &Plan, after: Option<&str>) -> Result<Listed, CallError> {
        if plan.is_links() {
            let shown = [plan.walked_stamp];
            let page = self.list(&plan.path, Shown::Properties(&shown), after, false).await?;
            return Ok(Listed { rows: self.pairs(plan, &page.rows).await?, next: page.next });
        }
        if plan.fits_list {
            let mut page = self.list(&plan.path, Shown::All(plan), after, false).await?;
            self.link(plan, &mut page.rows, true).await?;
            return Ok(Listed { rows: page.rows, next: page.next });
        }
        let shown = [plan.walked_stamp];
        let page = self.list(&plan.path, Shown::Properties(&shown), after, false).await?;
        let mut rows = self.with_properties(plan, page.rows).await?;
        self.link(plan, &mut rows, false).await?;
        Ok(Listed { rows, next: page.next })
    }

    /// A page of what was modified within a window, with everything the plan asks for. `is_gone` tells which
    /// records are archived although the index still shows them.
    pub(crate) async fn found(
        &self,
        plan: &Plan,
        window: &Window,
        after: Option<HubspotId>,
        is_gone: impl Fn(HubspotId) -> bool + Send,
    ) -> Result<Found, CallError> {
        let (search, is_whole) = Search::new(plan, window, after, self.config().search_page_size);
        let page = self.search(&plan.path, &search).await?;
        let last = in_order(&page.rows, after)?;
        let is_last = page.next.is_none() && page.total.is_none_or(|total| total <= page.rows.len() as u64);
        if !is_last && last.is_none() {
            return Err(odd("a page of the search holds no usable id"));
        }
        let mut rows = page.rows;
        rows.retain(|row| row.id.is_none_or(|id| !is_gone(id)));
        if plan.is_links() {
            rows = self.pairs(plan, &rows).await?;
        } else {
            if !is_whole {
                rows = self.with_properties(plan, rows).await?;
            }
            self.link(plan, &mut rows, false).await?;
        }
        Ok(Found { rows, last, is_last })
    }

    /// The same records with all properties. What is gone by now is left out: the list of archived records or
    /// the survivor of a merge tells of it.
    pub(crate) async fn with_properties(&self, plan: &Plan, rows: Vec<Row>) -> Result<Vec<Row>, CallError> {
        let ids: Vec<_> = rows.iter().filter_map(|row| row.id).collect();
        let whole = self.batch_read(&plan.path, &plan.properties, &ids).await?;
        let mut whole: HashMap<_, _> = whole.into_iter().filter_map(|row| Some((row.id?, row))).collect();
        let complete = |row: Row| match row.id {
            Some(id) => whole.remove(&id),
            None => Some(row),
        };
        Ok(rows.into_iter().filter_map(complete).collect())
    }

    /// Adds the associated records that the plan asks for. Where `inline`, the list's own answer decides if it
    /// can: it does not tell which of several records is the primary one.
    pub(crate) async fn link(&self, plan: &Plan, rows: &mut [Row], inline: bool) -> Result<(), CallError> {
        for path in &plan.link_paths {
            let mut asked = Vec::new();
            for (n, row) in rows.iter_mut().enumerate() {
                let known = if inline { inline_link(row.text(), path) } else { Inline::Unclear };
                row.links.push(if let Inline::One(id) = known { Some(id) } else { None });
                if let (Inline::Unclear, Some(id)) = (known, row.id) {
                    asked.push((n, id));
                }
            }
            if asked.is_empty() {
                continue;
            }
            let ids: Vec<_> = asked.iter().map(|(_, id)| *id).collect();
            let found = self.associations(&plan.path, path, &ids).await?;
            for (n, id) in asked {
                let link = found.get(&id).and_then(|associations| chosen(associations));
                if let Some(place) = rows[n].links.last_mut() {
                    *place = link;
                }
            }
        }
        Ok(())
    }

    /// The associations of these records, each as a record of its own, in the order of the records.
    async fn pairs(&self, plan: &Plan, parents: &[Row]) -> Result<Vec<Row>, CallError> {
        let ids: Vec<_> = parents.iter().filter_map(|row| row.id).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = self.associations(&plan.path, &plan.to_path, &ids).await?;
        let mut pairs = Vec::new();
        for parent in parents {
            let Some(from) = parent.id else { continue };
            let stamp = HubspotRecord::parse(parent.text())
                .and_then(|record| record.instant(plan.walked_stamp))
                .unwrap_or_default();
            for association in found.remove(&from).unwrap_or_default() {
                let mut row = pair(from, &association);
                row.stamp = stamp;
                pairs.push(row);
            }
        }
        Ok(pairs)
    }
}

/// An association as a record.
pub(crate) fn pair(from: HubspotId, association: &crate::associations::Association) -> Row {
    let label = Some(association.labels.join("; ")).filter(|label| !label.is_empty());
    let record = json!({
        "from": from.to_string(),
        "to": association.to.to_string(),
        "label": label,
        "primary": association.primary,
    });
    Row::pair(record.to_string(), from, association.to)
}

/// The last id of a page, whose ids have to rise: an order that falls would lose records between two pages.
fn in_order(rows: &[Row], after: Option<HubspotId>) -> Result<Option<HubspotId>, CallError> {
    let mut last = after;
    let mut found = None;
    for id in rows.iter().filter_map(|row| row.id) {
        if last.is_some_and(|last| id <= last) {
            return Err(odd("the search brings records out of the order of their ids"));
        }
        last = Some(id);
        found = last;
    }
    Ok(found)
}

fn odd(what: &str) -> CallError {
    CallError::Garbled { call: "search records", what: what.to_owned() }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Inline {
    None,
    One(HubspotId),
    /// Several, more than the answer shows, or under a name that was not expected.
    Unclear,
}

fn inline_link(row: &str, object: &str) -> Inline {
    let Ok(Some(associations)) = slices::field(row, "associations") else { return Inline::None };
    let Some(lists) = slices::object(associations) else { return Inline::None };
    // Some objects come under the name that people see: `line items`.
    let is_asked = |name: &str| name.replace(' ', "_") == object;
    let Some((_, list)) = lists.iter().find(|(name, _)| is_asked(name)) else { return Inline::Unclear };
    let goes_on = !matches!(slices::field(list, "paging"), Ok(None | Some("null")));
    match inline_ids(list)[..] {
        [id] if !goes_on => Inline::One(id),
        [] if !goes_on => Inline::None,
        _ => Inline::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_associations_decide_where_they_can() {
        let id = HubspotId::parse("801").unwrap();
        for (associations, expected) in [
            ("null", Inline::None),
            (r#"{"companies":{"results":[]}}"#, Inline::None),
            (r#"{"companies":{"results":[{"id":"801","type":"deal_to_company"}]}}"#, Inline::One(id)),
            (
                r#"{"companies":{"results":[{"id":"801","type":"deal_to_company"},{"id":"801","type":"deal_to_company_unlabeled"}]}}"#,
                Inline::One(id),
            ),
            (
                r#"{"companies":{"results":[{"id":"801","type":"a"},{"id":"802","type":"b"}]}}"#,
                Inline::Unclear,
            ),
            (
                r#"{"companies":{"results":[{"id":"801","type":"a"}],"paging":{"next":{"after":"1"}}}}"#,
                Inline::Unclear,
            ),
            (r#"{"p9001_company":{"results":[]}}"#, Inline::Unclear),
        ] {
            let row = format!(r#"{{"id":"1","properties":{{}},"associations":{associations}}}"#);
            assert_eq!(inline_link(&row, "companies"), expected, "{associations}");
        }
        assert_eq!(inline_link(r#"{"id":"1"}"#, "companies"), Inline::None);
        let spaced = r#"{"id":"1","associations":{"line items":{"results":[{"id":"801","type":"x"}]}}}"#;
        assert_eq!(inline_link(spaced, "line_items"), Inline::One(id));
    }

    #[test]
    fn falling_ids_are_an_error() {
        let rows = |ids: &[u64]| -> Vec<Row> {
            ids.iter().map(|id| Row::new(format!(r#"{{"id":"{id}"}}"#).into())).collect()
        };
        let after = HubspotId::parse("5");
        assert_eq!(in_order(&rows(&[6, 10, 100]), after).unwrap().map(HubspotId::get), Some(100));
        assert_eq!(in_order(&rows(&[]), after).unwrap(), None);
        for ids in [&[5, 6][..], &[6, 6], &[10, 9]] {
            assert!(in_order(&rows(ids), after).is_err(), "{ids:?}");
        }
    }
}
