//! What creates have made, by our key.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};
use sync_core::{ExternalId, LocalId, SourceError};

use super::key_field;
use crate::ToSalesforce;
use crate::client::{SalesforceClient, Scope};
use crate::error::CallError;
use crate::id::SalesforceId;
use crate::plan::ID;
use crate::soql::{Condition, FieldPath, Literal, Select};

/// Keys of one query: 36 characters, quotes and a comma each, far below the longest address.
const KEYS: usize = 200;

/// The live records with these keys. An org without the key field has none: nothing is made in it either.
pub(super) async fn find<T: ToSalesforce>(
    client: &SalesforceClient,
    keys: &[LocalId],
) -> Result<Vec<Option<ExternalId>>, SourceError> {
    let Some(key) = T::KEY else { return Ok(vec![None; keys.len()]) };
    let object = client.described(T::OBJECT).await?;
    if keys.is_empty() || key_field::<T>(&object).is_err() {
        return Ok(vec![None; keys.len()]);
    }
    let field = FieldPath::known(key);
    let select = Select::of(FieldPath::known(T::OBJECT), vec![FieldPath::known(ID), field.clone()]);
    let mut made = HashMap::new();
    for keys in keys.chunks(KEYS) {
        let literals = keys.iter().map(|key| Literal::text(key.as_str())).collect();
        let Some(one_of_them) = Condition::any_of(field.clone(), literals, false) else { continue };
        let query = select.clone().and(one_of_them);
        read(client, &query, key, &mut made).await.map_err(|error| client.source_error(error))?;
    }
    Ok(keys.iter().map(|key| made.remove(key.as_str())).collect())
}

async fn read(
    client: &SalesforceClient,
    query: &Select,
    key: &str,
    made: &mut HashMap<String, ExternalId>,
) -> Result<(), CallError> {
    let mut page = client.query(Scope::Live, query).await?;
    loop {
        made.extend(page.records().filter_map(|json| keyed(json, key)));
        let Some(next) = page.next.take() else { return Ok(()) };
        page = client.next_page(&next).await?;
    }
}

fn keyed(json: &str, key: &str) -> Option<(String, ExternalId)> {
    let record: Map<String, Json> = serde_json::from_str(json).ok()?;
    let id = SalesforceId::parse(record.get(ID)?.as_str()?)?;
    Some((record.get(key)?.as_str()?.to_owned(), id.into()))
}
