//! `POST /crm/v3/objects/{type}/search`

use super::error::ApiError;
use super::page::Page;
use crate::hubspot::render::{Columns, write_row};
use crate::hubspot::search::{Search, SearchBody, find};
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, name: &str) -> Result<Answer, ApiError> {
    let settings = state.settings();
    let length = String::from_utf8_lossy(&call.body).chars().count();
    if length > settings.search_body_max {
        let max = settings.search_body_max;
        let message = format!("The request body has {length} characters, at most {max} are allowed");
        return Err(ApiError::bad_request(message));
    }
    let body: SearchBody = call.json()?;
    let account = state.account();
    let object = account.object_or_refuse(name)?;
    let search = Search::new(&account, object, &body, &settings)?;
    let table = &account.tables[object];
    let asked = body.properties.as_deref().unwrap_or_default();
    let columns = Columns::new(&table.def, asked.iter().map(String::as_str));
    let now = account.now_ms();
    let ids = find(&account, &search, &state.searches, now);
    let end = ids.len().min(search.after.saturating_add(search.limit));
    let shown = ids.get(search.after..end).unwrap_or_default();
    let mut page = Page::new(&format!("{{\"total\":{},", ids.len()), shown.len() * 512);
    for id in shown {
        if let Some(row) = table.indexed_row(*id, now) {
            page.push(|out| write_row(&account, object, (*id, row), &columns, out));
        }
    }
    if end < ids.len() && end > search.after {
        let after = end.to_string();
        return Ok(page.end(Some((&after, ""))));
    }
    Ok(page.end(None))
}
