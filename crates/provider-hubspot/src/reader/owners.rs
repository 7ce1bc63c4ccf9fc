//! Owners: few, listed whole, told apart by their stamps on this side.

use std::sync::Arc;

use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::mpsc;

use super::{Batch, Deserted, Place, Read, Reader, Stop};
use crate::FromHubspot;
use crate::archive::{Gone, delta};
use crate::cursor::Position;
use crate::record::HubspotRecord;
use crate::wire::Row;

impl Reader {
    /// Reads both lists of owners and tells those modified since the position, less the overlap. Archived ones
    /// are deletions; they don't say since when, so they are told each time. An entity that reads `archived`
    /// gets them as records instead.
    pub(super) async fn read_owners<T: FromHubspot>(&self, out: &mpsc::Sender<Read>) -> Result<(), Stop> {
        let client = &self.client;
        let plan = Arc::new(client.plan::<T>(&self.filters).await?);
        let of = |error| Stop::Failed(client.source_error(error));
        let mut rows = client.owners(false).await.map_err(of)?;
        let archived = client.owners(true).await.map_err(of)?;

        let bound = (client.server_now() - delta(client.config().settle_lag)).trunc_subsecs(3);
        let until = match self.stored {
            Some(Position::Done { until, .. }) => Some(until),
            _ => None,
        };
        let mut gone = Vec::new();
        if plan.keeps_archived {
            rows.extend(archived);
        } else {
            gone.extend(archived.iter().filter_map(|row| {
                let at = stamp(row);
                let told = until.is_none_or(|until| at.is_none_or(|at| at < until));
                Some(Gone { id: row.id?, at, merged_into: None, reread: told })
            }));
        }
        let from = until.map(|until| until - delta(client.config().overlap));
        rows.retain(|row| from.is_none_or(|from| stamp(row).is_none_or(|at| at >= from)));
        rows.sort_by_key(|row| (stamp(row), row.id));

        let end = Position::Done { until: until.map_or(bound, |until| until.max(bound)), archived: None };
        let (place, read_at) = (Place::Stamp(bound), client.server_now());
        let batch = Box::new(Batch { plan, rows, gone, place, fresh: until, read_at, end });
        Ok(out.send(Read::Batch(batch)).await.map_err(|_| Deserted)?)
    }
}

fn stamp(row: &Row) -> Option<DateTime<Utc>> {
    HubspotRecord::parse(row.text()).ok()?.instant("updatedAt").ok()?
}
