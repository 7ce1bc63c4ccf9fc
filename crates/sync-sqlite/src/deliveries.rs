//! Delivery of events. A transaction has the database for itself, so that claims take turns.

use std::collections::HashMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use sync_core::{
    AfterFailure, Channel, ClaimKey, ClaimRequest, ClaimedEvent, ConsumerName, DeliveryStore, FailedDelivery,
    Lane, OutboxEvent, ParkedDelivery, ParkedFilter, QueueState, Start, StoreError,
};

use crate::decode::Stored;
use crate::error::store_error;
use crate::json::{JsonRows, instant};
use crate::outbox::{columns, read};
use crate::store::SqliteStore;
use crate::tx::{Bound, SqliteTx};

const REGISTER: &str = "insert into sync_consumers (consumer, lane, shard, registered_at) \
     select ?1, value, 0, ?3 from jsonb_each(?2) where true on conflict do nothing returning lane";

/// The record is the trigger's.
const CATCH_UP: &str = "insert into sync_deliveries (consumer, lane, shard, position, record, tenant_id, connection_id) \
     select ?1, lane, 0, position, case external_id when '' then id else tenant_id || char(31) || connection_id \
     || char(31) || entity || char(31) || external_id end, tenant_id, connection_id \
     from sync_outbox where lane in (select value from jsonb_each(?2))";

const FORGET_DELIVERIES: &str = "delete from sync_deliveries where consumer = ?1";
const FORGET: &str = "delete from sync_consumers where consumer = ?1";

/// Claims that ended and failures that are due.
const DUE: &str = "update sync_deliveries set state = 'ready', claim = null, due_at = null, \
     lapsed = lapsed + (state = 'claimed') \
     where consumer = ?1 and lane = ?2 and state in ('claimed', 'retry') and due_at <= ?3";

/// What comes first, and whether it is behind a failure or a claim.
const FIRST: &str = "select f.position, \
     exists (select 1 from sync_deliveries b where b.consumer = ?1 and b.lane = ?2 and b.record = f.record \
     and b.position < f.position and b.state in ('retry', 'held', 'parked')), \
     exists (select 1 from sync_deliveries b where b.consumer = ?1 and b.lane = ?2 and b.record = f.record \
     and b.position < f.position and b.state = 'claimed') \
     from (select position, record from sync_deliveries where consumer = ?1 and lane = ?2 and state = 'ready' \
     order by position limit ?3) as f";

/// Put aside, so that it is looked at once.
const ASIDE: &str = "update sync_deliveries set state = 'held' \
     where consumer = ?1 and position in (select value from jsonb_each(?2))";

const TAKE: &str = "update sync_deliveries set state = 'claimed', claim = ?3, due_at = ?4 \
     where consumer = ?1 and position in (select value from jsonb_each(?2)) returning position, attempts, lapsed";

const EVENTS: &str = concat!(
    "select ",
    columns!(),
    ", o.position from sync_outbox o where o.position in (select value from jsonb_each(?1)) order by o.position"
);

const ACKNOWLEDGE: &str = "delete from sync_deliveries where consumer = ?1 and claim = ?2 and state = 'claimed' \
     and position in (select value from jsonb_each(?3)) returning record";

const FREE: &str = "update sync_deliveries as h set state = 'ready' where h.consumer = ?1 and h.lane = ?2 \
     and h.record in (select value from jsonb_each(?3)) and h.state = 'held' and not exists \
     (select 1 from sync_deliveries b where b.consumer = ?1 and b.lane = ?2 and b.record = h.record \
     and b.position < h.position and b.state in ('retry', 'parked'))";

const FAIL: &str = "update sync_deliveries as d set state = f.state, attempts = d.attempts + 1, claim = null, \
     due_at = f.due_at, error = f.error from (select value ->> 0 as position, value ->> 1 as state, \
     value ->> 2 as due_at, value ->> 3 as error from jsonb_each(?3)) as f \
     where d.consumer = ?1 and d.claim = ?2 and d.position = f.position and d.state = 'claimed' \
     returning record, state";

const RELEASE: &str = "update sync_deliveries set state = 'ready', claim = null, due_at = null where consumer = ?1 \
     and claim = ?2 and state = 'claimed' and position in (select value from jsonb_each(?3))";

const PARKED: &str = concat!(
    "select ",
    columns!(),
    ", d.consumer, d.attempts, d.error, d.state from sync_deliveries d join sync_outbox o on o.position = d.position \
     where d.state in ('parked', 'passed') and (?1 is null or d.consumer = ?1) and (?2 is null or d.lane = ?2) \
     and (?3 is null or o.id = ?3) order by d.position, d.consumer limit ?4"
);

const REPLAY: &str = "update sync_deliveries set state = 'ready', attempts = 0, lapsed = 0, error = null \
     where state in ('parked', 'passed') and (?1 is null or consumer = ?1) and (?2 is null or lane = ?2) \
     and (?3 is null or position = (select o.position from sync_outbox o where o.id = ?3))";

const QUEUES: &str = "select c.consumer, c.lane, count(d.position) filter (where d.state not in ('parked', 'passed')), \
     count(d.position) filter (where d.state = 'claimed'), count(d.position) filter (where d.state = 'retry'), \
     count(d.position) filter (where d.state in ('parked', 'passed')), \
     min(o.at) filter (where d.state not in ('parked', 'passed')) \
     from sync_consumers c left join sync_deliveries d on d.consumer = c.consumer and d.lane = c.lane \
     left join sync_outbox o on o.position = d.position group by c.consumer, c.lane order by c.consumer, c.lane";

const QUEUE_COLUMNS: [&str; 7] = ["consumer", "lane", "waiting", "claimed", "retrying", "parked", "oldest"];

const PURGE: &str = "delete from sync_outbox where position in (select o.position from sync_outbox o where o.at < ?1 \
     and not exists (select 1 from sync_deliveries d where d.position = o.position) \
     order by o.at, o.position limit ?2)";

#[async_trait]
impl DeliveryStore<SqliteTx> for SqliteStore {
    #[tracing::instrument(name = "sqlite.deliveries.register", skip_all, fields(consumer = consumer.as_str()), err)]
    async fn register(
        &self,
        tx: &mut SqliteTx,
        consumer: &ConsumerName,
        lanes: &[Lane],
        start: Start,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const DURING: &str = "registering a consumer of events";
        let lanes = JsonRows::texts(lanes.iter().map(|lane| lane.as_str()));
        let register = sqlx::query(REGISTER).bind(consumer.as_str()).bind(lanes.finish()).bind(instant(now));
        let rows = tx.fetch_all(register).await.map_err(store_error(DURING))?;
        let added: Vec<&str> = rows
            .iter()
            .map(|row| Stored::new(row, "sync_consumers", &["lane"]).text(0))
            .collect::<Result<_, _>>()?;
        if start == Start::Kept && !added.is_empty() {
            let added = JsonRows::texts(added.into_iter());
            let catch_up = sqlx::query(CATCH_UP).bind(consumer.as_str()).bind(added.finish());
            tx.execute(catch_up).await.map_err(store_error(DURING))?;
        }
        Ok(())
    }

    async fn forget_consumer(&self, tx: &mut SqliteTx, consumer: &ConsumerName) -> Result<bool, StoreError> {
        const DURING: &str = "forgetting a consumer of events";
        let deliveries = sqlx::query(FORGET_DELIVERIES).bind(consumer.as_str());
        tx.execute(deliveries).await.map_err(store_error(DURING))?;
        let gone = tx.execute(sqlx::query(FORGET).bind(consumer.as_str())).await;
        Ok(gone.map_err(store_error(DURING))? > 0)
    }

    #[tracing::instrument(name = "sqlite.deliveries.claim", skip_all, fields(consumer = request.consumer.as_str()), err)]
    async fn claim(
        &self,
        tx: &mut SqliteTx,
        request: &ClaimRequest,
    ) -> Result<Vec<ClaimedEvent>, StoreError> {
        const DURING: &str = "claiming events";
        let due = of_lane(DUE, request).bind(instant(request.now));
        tx.execute(due).await.map_err(store_error(DURING))?;
        loop {
            let first = of_lane(FIRST, request).bind(request.limit.max(1));
            let rows = tx.fetch_all(first).await.map_err(store_error(DURING))?;
            let (mut free, mut behind) = (Vec::new(), Vec::new());
            for row in &rows {
                let row = Stored::new(row, "sync_deliveries", &["position", "behind", "busy"]);
                match (row.int(1)? != 0, row.int(2)? != 0) {
                    (true, _) => behind.push(row.int(0)?),
                    (false, true) => {}
                    (false, false) => free.push(row.int(0)?),
                }
            }
            if !behind.is_empty() {
                let aside = sqlx::query(ASIDE).bind(request.consumer.as_str()).bind(list(&behind));
                tx.execute(aside).await.map_err(store_error(DURING))?;
            }
            // Everything that came first was behind a failure: what comes next may not be.
            if !free.is_empty() || behind.is_empty() {
                return take(tx, request, &free).await.map_err(|error| match error {
                    Failed::Sql(error) => store_error(DURING)(error),
                    Failed::Store(error) => error,
                });
            }
        }
    }

    async fn acknowledge(
        &self,
        tx: &mut SqliteTx,
        key: &ClaimKey,
        positions: &[i64],
    ) -> Result<u64, StoreError> {
        if positions.is_empty() {
            return Ok(0);
        }
        let acknowledge = of_claim(ACKNOWLEDGE, key).bind(list(positions));
        let rows = tx.fetch_all(acknowledge).await.map_err(store_error("acknowledging events"))?;
        let records: Vec<&str> = rows
            .iter()
            .map(|row| Stored::new(row, "sync_deliveries", &["record"]).text(0))
            .collect::<Result<_, _>>()?;
        free(tx, key, &records).await?;
        Ok(rows.len() as u64)
    }

    async fn fail(
        &self,
        tx: &mut SqliteTx,
        key: &ClaimKey,
        failed: &[FailedDelivery],
    ) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        let mut failures = JsonRows::new(failed.len(), 128);
        for failure in failed {
            failures.row(|row| write_failure(row, failure));
        }
        let fail = of_claim(FAIL, key).bind(failures.finish());
        let rows = tx.fetch_all(fail).await.map_err(store_error("noting failed deliveries"))?;
        let mut passed = Vec::new();
        for row in &rows {
            let row = Stored::new(row, "sync_deliveries", &["record", "state"]);
            if row.text(1)? == "passed" {
                passed.push(row.text(0)?);
            }
        }
        free(tx, key, &passed).await
    }

    async fn release(&self, tx: &mut SqliteTx, key: &ClaimKey, positions: &[i64]) -> Result<(), StoreError> {
        if positions.is_empty() {
            return Ok(());
        }
        let release = of_claim(RELEASE, key).bind(list(positions));
        tx.execute(release).await.map(drop).map_err(store_error("releasing events"))
    }

    async fn parked(
        &self,
        tx: &mut SqliteTx,
        filter: &ParkedFilter,
        limit: u32,
    ) -> Result<Vec<ParkedDelivery>, StoreError> {
        let rows = tx.fetch_all(filtered(PARKED, filter).bind(limit)).await;
        rows.map_err(store_error("listing parked events"))?.iter().map(parked).collect()
    }

    #[tracing::instrument(name = "sqlite.deliveries.replay", skip_all, err)]
    async fn replay(&self, tx: &mut SqliteTx, filter: &ParkedFilter) -> Result<u64, StoreError> {
        let n_replayed = tx.execute(filtered(REPLAY, filter)).await;
        tx.tell_at_commit(Channel::Outbox);
        n_replayed.map_err(store_error("replaying parked events"))
    }

    async fn queues(&self, tx: &mut SqliteTx) -> Result<Vec<QueueState>, StoreError> {
        let rows = tx.fetch_all(sqlx::query(QUEUES)).await.map_err(store_error("counting events"))?;
        rows.iter().map(queue).collect()
    }

    #[tracing::instrument(name = "sqlite.deliveries.purge", skip_all, err)]
    async fn purge(&self, tx: &mut SqliteTx, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let purge = sqlx::query(PURGE).bind(instant(before)).bind(limit);
        tx.execute(purge).await.map_err(store_error("purging events"))
    }
}

enum Failed {
    Sql(sqlx::Error),
    Store(StoreError),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Claims these and reads them.
async fn take(
    tx: &mut SqliteTx,
    request: &ClaimRequest,
    positions: &[i64],
) -> Result<Vec<ClaimedEvent>, Failed> {
    if positions.is_empty() {
        return Ok(Vec::new());
    }
    let take = sqlx::query(TAKE)
        .bind(request.consumer.as_str())
        .bind(list(positions))
        .bind(request.claim.to_string())
        .bind(instant(request.until));
    let mut tries = HashMap::with_capacity(positions.len());
    for row in &tx.fetch_all(take).await? {
        let row = Stored::new(row, "sync_deliveries", &["position", "attempts", "lapsed"]);
        let times = |column| row.count(column).map(|n| n.try_into().unwrap_or(u32::MAX));
        tries.insert(row.int(0)?, (times(1)?, times(2)?));
    }
    let rows = tx.fetch_all(sqlx::query(EVENTS).bind(list(positions))).await?;
    let claimed = |row: &SqliteRow| {
        let position: i64 = row.try_get(15)?;
        let (attempts, lapsed) = tries.get(&position).copied().unwrap_or_default();
        Ok(ClaimedEvent { position, attempts, lapsed, event: read(row)? })
    };
    rows.iter().map(claimed).collect()
}

/// What was held up by these records' events, unless something else of the record still holds it up.
async fn free(tx: &mut SqliteTx, key: &ClaimKey, records: &[&str]) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let records = JsonRows::texts(records.iter().copied());
    let free = sqlx::query(FREE).bind(key.consumer.as_str()).bind(key.lane.as_str()).bind(records.finish());
    tx.execute(free).await.map(drop).map_err(store_error("letting later events of a record go on"))
}

fn of_lane<'q>(sql: &'static str, request: &'q ClaimRequest) -> Bound<'q> {
    sqlx::query(sql).bind(request.consumer.as_str()).bind(request.lane.as_str())
}

fn of_claim<'q>(sql: &'static str, key: &'q ClaimKey) -> Bound<'q> {
    sqlx::query(sql).bind(key.consumer.as_str()).bind(key.claim.to_string())
}

fn filtered<'q>(sql: &'static str, filter: &'q ParkedFilter) -> Bound<'q> {
    sqlx::query(sql)
        .bind(filter.consumer.as_ref().map(ConsumerName::as_str))
        .bind(filter.lane.map(Lane::as_str))
        .bind(filter.event.map(|event| event.to_string()))
}

fn list(positions: &[i64]) -> String {
    let mut list = JsonRows::new(positions.len(), 12);
    positions.iter().for_each(|position| list.int(*position));
    list.finish()
}

fn write_failure(row: &mut JsonRows, failure: &FailedDelivery) {
    let (name, due) = match failure.then {
        AfterFailure::Retry(at) => ("retry", Some(at)),
        AfterFailure::Park => ("parked", None),
        AfterFailure::ParkAndPass => ("passed", None),
    };
    row.int(failure.position);
    row.text(name);
    row.opt(due, JsonRows::instant);
    row.shown(&failure.error);
}

fn parked(row: &SqliteRow) -> Result<ParkedDelivery, StoreError> {
    let event: OutboxEvent = read(row)?;
    let delivery = Stored::new(row, "sync_deliveries", &PARKED_COLUMNS);
    Ok(ParkedDelivery {
        consumer: delivery.text(15)?.into(),
        attempts: delivery.count(16)?.try_into().unwrap_or(u32::MAX),
        error: delivery.opt_text(17)?.unwrap_or_default().to_owned(),
        blocks: delivery.text(18)? == "parked",
        event,
    })
}

const PARKED_COLUMNS: [&str; 19] =
    ["id", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "consumer", "attempts", "error", "state"];

fn queue(row: &SqliteRow) -> Result<QueueState, StoreError> {
    let row = Stored::new(row, "sync_consumers", &QUEUE_COLUMNS);
    Ok(QueueState {
        consumer: row.text(0)?.into(),
        lane: row.name(1, Lane::parse)?,
        waiting: row.count(2)?,
        claimed: row.count(3)?,
        retrying: row.count(4)?,
        parked: row.count(5)?,
        oldest: row.opt_instant(6)?,
    })
}
