//! The request: read, checked, and put into a form that is quick to test rows with.

use serde::Deserialize;
use serde_json::Value as Json;

use super::filter::{Field, Filter, Kind, Op, Operand};
use crate::hubspot::model::{Account, Pair, PropertyType, Source, time};
use crate::hubspot::settings::HubspotSettings;
use crate::hubspot::write::RowError;

const MAX_GROUPS: usize = 5;
const MAX_FILTERS_IN_GROUP: usize = 6;
const MAX_FILTERS: usize = 18;
const DEFAULT_LIMIT: usize = 10;

/// The body as it comes.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SearchBody {
    filter_groups: Vec<GroupBody>,
    sorts: Vec<SortBody>,
    query: Option<String>,
    pub(crate) properties: Option<Vec<String>>,
    limit: Option<Json>,
    after: Option<Json>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GroupBody {
    filters: Vec<FilterBody>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterBody {
    property_name: String,
    operator: String,
    value: Option<Json>,
    high_value: Option<Json>,
    values: Option<Vec<Json>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SortBody {
    Short(String),
    #[serde(rename_all = "camelCase")]
    Full {
        property_name: String,
        #[serde(default)]
        direction: Option<String>,
    },
}

/// A checked search.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) object: usize,
    /// Any of them, all of each.
    pub(crate) groups: Vec<Vec<Filter>>,
    pub(crate) order: Order,
    /// Folded words of the full-text query, and where they are looked for.
    pub(crate) query: Option<(String, Vec<usize>)>,
    pub(crate) limit: usize,
    pub(crate) after: usize,
}

/// How results are ordered; ties by id.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Order {
    pub(crate) field: Field,
    pub(crate) descending: bool,
}

impl Search {
    /// Checks a search against the object and the documented limits.
    pub(crate) fn new(
        account: &Account,
        object: usize,
        body: &SearchBody,
        settings: &HubspotSettings,
    ) -> Result<Self, RowError> {
        let count: usize = body.filter_groups.iter().map(|group| group.filters.len()).sum();
        if body.filter_groups.len() > MAX_GROUPS
            || count > MAX_FILTERS
            || body.filter_groups.iter().any(|group| group.filters.len() > MAX_FILTERS_IN_GROUP)
        {
            let message = format!(
                "too many filters: at most {MAX_GROUPS} groups, {MAX_FILTERS_IN_GROUP} filters in a group and \
                 {MAX_FILTERS} in all"
            );
            return Err(RowError::bad_request(message));
        }
        let limit = number_of(body.limit.as_ref(), "limit")?.unwrap_or(DEFAULT_LIMIT);
        if limit > settings.search_page {
            let message = format!("limit must be at most {}, but was {limit}", settings.search_page);
            return Err(RowError::bad_request(message));
        }
        let after = number_of(body.after.as_ref(), "after")?.unwrap_or(0);
        if after.saturating_add(limit) > settings.search_cap {
            let message = format!(
                "The requested page is beyond the {} results that a search gives; narrow the filters",
                settings.search_cap
            );
            return Err(RowError::bad_request(message));
        }
        let filter = |filter: &FilterBody| compile(account, object, filter);
        let groups = body.filter_groups.iter().map(|group| group.filters.iter().map(filter).collect());
        let def = &account.tables[object].def;
        let query = body.query.as_deref().map(str::trim).filter(|query| !query.is_empty());
        let places = || def.searchable.iter().filter_map(|name| def.slot(name)).collect();
        Ok(Self {
            object,
            groups: groups.collect::<Result<_, _>>()?,
            order: order(account, object, &body.sorts)?,
            query: query.map(|query| (query.to_lowercase(), places())),
            limit,
            after,
        })
    }
}

/// A number, as one or as text.
fn number_of(json: Option<&Json>, name: &str) -> Result<Option<usize>, RowError> {
    let bad = || RowError::bad_request(format!("{name} is not a whole number"));
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.is_empty() => Ok(None),
        Some(Json::String(text)) => text.parse().map(Some).map_err(|_| bad()),
        Some(Json::Number(number)) => {
            number.as_u64().and_then(|number| usize::try_from(number).ok()).map(Some).ok_or_else(bad)
        }
        Some(_) => Err(bad()),
    }
}

fn order(account: &Account, object: usize, sorts: &[SortBody]) -> Result<Order, RowError> {
    let (name, descending) = match sorts {
        [] => return Ok(Order { field: Field::Created, descending: false }),
        [SortBody::Short(text)] => match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text.as_str(), false),
        },
        [SortBody::Full { property_name, direction }] => {
            let descending = match direction.as_deref() {
                None | Some("ASCENDING") => false,
                Some("DESCENDING") => true,
                Some(other) => {
                    return Err(RowError::bad_request(format!("invalid sort direction {other}")));
                }
            };
            (property_name.as_str(), descending)
        }
        _ => return Err(RowError::bad_request("only one sort is allowed")),
    };
    Ok(Order { field: field(account, object, name)?, descending })
}

fn field(account: &Account, object: usize, name: &str) -> Result<Field, RowError> {
    let def = &account.tables[object].def;
    if let Some(other) = name.strip_prefix("associations.") {
        let to = account.object_or_refuse(other)?;
        return Ok(Field::Association(Pair { from: object, to }));
    }
    let index = def.live_index(name).ok_or_else(|| {
        RowError::bad_request(format!("There was a problem with the request: unknown property {name}"))
    })?;
    let property = &def.properties()[index];
    let kind = match property.kind {
        PropertyType::Number => Kind::Number,
        PropertyType::Date | PropertyType::DateTime => Kind::Time,
        PropertyType::Enumeration | PropertyType::Bool if property.many_values() => Kind::Many,
        PropertyType::Enumeration | PropertyType::Bool => Kind::Exact,
        _ => Kind::Text,
    };
    Ok(match property.source {
        Source::Id => Field::Id,
        Source::Created => Field::Created,
        Source::Modified => Field::Modified,
        Source::Stored(slot) => Field::Stored(slot, kind),
        Source::MergedIds => Field::Computed(index, Kind::Many),
        Source::Calculated(_) => Field::Computed(index, kind),
    })
}

fn compile(account: &Account, object: usize, filter: &FilterBody) -> Result<Filter, RowError> {
    let field = field(account, object, &filter.property_name)?;
    let bad = |what: &str| {
        let (name, operator) = (&filter.property_name, &filter.operator);
        RowError::bad_request(format!("filter on {name} with {operator}: {what}"))
    };
    let read = |json: Option<&Json>| -> Result<Operand, RowError> {
        let text = match json {
            Some(Json::String(text)) => text.clone(),
            Some(Json::Number(number)) => number.to_string(),
            Some(Json::Bool(truth)) => truth.to_string(),
            _ => return Err(bad("a value is missing")),
        };
        operand(&field, &text).ok_or_else(|| bad(&format!("{text} does not fit the property's type")))
    };
    let one = || read(filter.value.as_ref());
    let many = || -> Result<Vec<Operand>, RowError> {
        let values = filter.values.as_deref().filter(|values| !values.is_empty());
        values.ok_or_else(|| bad("values are missing"))?.iter().map(|value| read(Some(value))).collect()
    };
    let token = || match filter.value.as_ref().and_then(Json::as_str) {
        Some(text) if !text.is_empty() => Ok(text.to_lowercase()),
        _ => Err(bad("a value is missing")),
    };
    let op = match filter.operator.as_str() {
        "EQ" => Op::Eq(one()?),
        "NEQ" => Op::Neq(one()?),
        "LT" => Op::Lt(one()?),
        "LTE" => Op::Lte(one()?),
        "GT" => Op::Gt(one()?),
        "GTE" => Op::Gte(one()?),
        "BETWEEN" => Op::Between(one()?, read(filter.high_value.as_ref())?),
        "IN" => Op::In(exact_case(&field, filter, many()?)),
        "NOT_IN" => Op::NotIn(exact_case(&field, filter, many()?)),
        "HAS_PROPERTY" => Op::Has,
        "NOT_HAS_PROPERTY" => Op::HasNot,
        "CONTAINS_TOKEN" => Op::Token(token()?),
        "NOT_CONTAINS_TOKEN" => Op::NoToken(token()?),
        _ => return Err(bad("unknown operator")),
    };
    Ok(Filter { field, op })
}

/// Lists for string properties are compared as they are written, with values in lower case.
fn exact_case(field: &Field, filter: &FilterBody, folded: Vec<Operand>) -> Vec<Operand> {
    if !matches!(field.kind(), Kind::Text) {
        return folded;
    }
    let raw = filter.values.iter().flatten().filter_map(Json::as_str);
    raw.map(|text| Operand::Text(text.to_owned())).collect()
}

fn operand(field: &Field, text: &str) -> Option<Operand> {
    match field.kind() {
        Kind::Int => text.trim().parse().ok().map(Operand::Int),
        Kind::Number => text.trim().parse().ok().map(Operand::Number),
        Kind::Time => time::parse_instant(text).map(Operand::Int),
        Kind::Text => Some(Operand::Text(text.to_lowercase())),
        Kind::Exact | Kind::Many => Some(Operand::Text(text.to_owned())),
    }
}
