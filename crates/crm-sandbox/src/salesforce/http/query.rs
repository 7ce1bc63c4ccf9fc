//! `/query`, `/queryAll` and their locators.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::ApiError;
use super::request::{Call, Caller};
use crate::salesforce::model::RecordId;
use crate::salesforce::soql::{self, ResultSet, SoqlError};
use crate::salesforce::state::State;
use crate::wire::{Answer, JSON};

const DEFAULT_PAGE: usize = 2_000;
/// Page sizes a client may ask for.
const PAGE_SIZES: std::ops::RangeInclusive<usize> = 200..=2_000;
/// How long a locator lives, in simulated milliseconds.
const LIFETIME_MS: i64 = 2 * 24 * 3600 * 1000;
/// SOQL longer than this is refused.
const MAX_SOQL: usize = 100_000;

/// Open queries by locator id.
#[derive(Debug, Default)]
pub(crate) struct Locators {
    next: u64,
    open: HashMap<RecordId, Locator>,
}

#[derive(Debug, Clone)]
struct Locator {
    set: Arc<ResultSet>,
    /// The session that made it; no other may use it.
    token: String,
    page: usize,
    made_at: i64,
}

impl Locators {
    fn add(&mut self, locator: Locator) -> RecordId {
        self.open.retain(|_, old| locator.made_at - old.made_at < LIFETIME_MS);
        self.next += 1;
        let id = RecordId::new("01g", self.next);
        self.open.insert(id, locator);
        id
    }

    fn find(&self, id: RecordId, token: &str, now: i64) -> Option<Locator> {
        let fits = |locator: &&Locator| locator.token == token && now - locator.made_at < LIFETIME_MS;
        self.open.get(&id).filter(fits).cloned()
    }

    /// Forgets all of them, as a restart of the provider's server would.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

impl From<SoqlError> for ApiError {
    fn from(error: SoqlError) -> Self {
        Self::bad_request(error.code, error.message)
    }
}

/// `GET .../query?q=` and `.../queryAll?q=`
pub(super) fn first_page(
    state: &State,
    call: &Call,
    caller: &Caller,
    base: &str,
    include_deleted: bool,
) -> Result<Answer, ApiError> {
    let text = call
        .param("q")
        .ok_or_else(|| ApiError::bad_request("MALFORMED_QUERY", "A query string has to be specified"))?;
    if text.len() > MAX_SOQL {
        return Err(ApiError::bad_request("MALFORMED_QUERY", "the query is longer than 100,000 characters"));
    }
    let asked = call.option("sforce-query-options", "batchSize").and_then(|size| size.parse().ok());
    let asked: usize = asked.unwrap_or(DEFAULT_PAGE);
    let page = asked.clamp(*PAGE_SIZES.start(), *PAGE_SIZES.end()).min(state.settings().max_page.max(1));
    let query = soql::parse(text)?;
    let set = soql::execute(&state.org(), &query, include_deleted)?;
    let locator =
        Locator { set: Arc::new(set), token: caller.token.clone(), page, made_at: state.clock.now_ms() };
    let id = (locator.set.n_records() > page).then(|| state.locators().add(locator.clone()));
    Ok(render(state, &locator, id, 0, base))
}

/// `GET .../query/{locator}`
pub(super) fn next_page(
    state: &State,
    caller: &Caller,
    base: &str,
    locator: &str,
) -> Result<Answer, ApiError> {
    let bad = || ApiError::bad_request("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (id, from) = locator.split_once('-').ok_or_else(bad)?;
    let id = RecordId::parse(id).ok_or_else(bad)?;
    let from: usize = from.parse().map_err(|_| bad())?;
    let found = state.locators().find(id, &caller.token, state.clock.now_ms()).ok_or_else(bad)?;
    if from > found.set.n_records() {
        return Err(bad());
    }
    Ok(render(state, &found, Some(id), from, base))
}

fn render(state: &State, locator: &Locator, id: Option<RecordId>, from: usize, base: &str) -> Answer {
    let to = from.saturating_add(locator.page).min(locator.set.n_records());
    let more = id.filter(|_| to < locator.set.n_records());
    let next = more.map(|id| format!("{base}/query/{id}-{to}"));
    // A generous guess spares most of the copying while the buffer grows.
    let mut body = Vec::with_capacity(256 + (to - from) * 512);
    soql::render_page(&state.org(), &locator.set, from..to, next.as_deref(), &mut body);
    Answer::bytes(200, JSON, body)
}
