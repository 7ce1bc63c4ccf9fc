//! What creates have made, by our key (reference/hubspot.md, Batch read by a unique property).

use std::collections::HashMap;

use serde::Deserialize;
use sync_core::{ExternalId, LocalId, SourceError};

use super::key_property;
use crate::ToHubspot;
use crate::client::HubspotClient;
use crate::object::Remote;
use crate::wire::Row;

/// The live records with these keys. An account without the key property has none: nothing is made in it either.
pub(super) async fn find<T: ToHubspot>(
    client: &HubspotClient,
    keys: &[LocalId],
) -> Result<Vec<Option<ExternalId>>, SourceError> {
    let (Some(property), Remote::Object(name)) = (T::KEY, Remote::of(T::OBJECT)) else {
        return Ok(vec![None; keys.len()]);
    };
    let object = client.description(name, true).await?;
    if keys.is_empty() || key_property::<T>(&object).is_err() {
        return Ok(vec![None; keys.len()]);
    }
    let texts: Vec<String> = keys.iter().map(|key| key.as_str().to_owned()).collect();
    let found = async {
        let path = client.path_of(name).await?;
        client.batch_read_by_key(&path, property, &texts).await
    };
    let rows = found.await.map_err(|error| client.source_error(error))?;
    let mut made: HashMap<String, ExternalId> =
        rows.iter().filter_map(|row| Some((key_in(row, property)?, row.id?.into()))).collect();
    Ok(keys.iter().map(|key| made.remove(key.as_str())).collect())
}

fn key_in(row: &Row, property: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Keyed {
        properties: HashMap<String, Option<String>>,
    }

    let mut keyed: Keyed = serde_json::from_str(row.text()).ok()?;
    keyed.properties.remove(property).flatten()
}
