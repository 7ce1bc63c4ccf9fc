//! Delivery of events. Who claims holds some of the consumer's 16 shards for the length of the claim's transaction,
//! so that no two decide about one record at the same time; deciding is all that is taken in turns, delivering is not.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::query::Query;
use sync_core::{
    AfterFailure, ClaimKey, ClaimRequest, ClaimedEvent, ConsumerName, DeliveryStore, FailedDelivery, Lane,
    ParkedDelivery, ParkedFilter, QueueState, Start, StoreError,
};

use crate::copy::{self, Column, ColumnType, storable};
use crate::error::store_error;
use crate::outbox::{columns, get, read};
use crate::store::PgStore;
use crate::tx::PgTx;

/// How many rows a consumer has per lane.
const N_SHARDS: i32 = 16;

/// How many of them one claim holds: four claimers find work at the same time.
const CLAIM_SHARDS: i64 = 4;

/// Publishers hold it in a mode that waits for this one, see the trigger.
const LOCK: &str = "lock table sync_consumers in exclusive mode";

const REGISTER: &str = "insert into sync_consumers (consumer, lane, shard, registered_at) \
     select $1, l.lane, s.shard, $3 from unnest($2::text[]) as l (lane) cross join generate_series(0, $4 - 1) as s (shard) \
     on conflict do nothing returning lane";

/// The hash is the trigger's.
const CATCH_UP: &str = "insert into sync_deliveries (consumer, lane, shard, position, record, tenant_id, connection_id) \
     select $1, o.lane, (o.record & 15)::integer, o.position, o.record, o.tenant_id, o.connection_id \
     from (select position, lane, tenant_id, connection_id, hashtextextended(case external_id when '' then id::text \
     else tenant_id || chr(31) || connection_id || chr(31) || entity || chr(31) || external_id end, 0) as record \
     from sync_outbox where lane = any($2)) as o";

const FORGET: &str = "with deliveries as (delete from sync_deliveries where consumer = $1) \
     delete from sync_consumers where consumer = $1";

/// Claims that ended and failures that are due become ready. Answers the shards that this transaction holds.
const HOLD: &str = "with held as (select shard from sync_consumers s where consumer = $1 and lane = $2 and ( \
     exists (select 1 from sync_deliveries d where d.consumer = $1 and d.lane = $2 and d.shard = s.shard \
     and d.state = 'ready') \
     or exists (select 1 from sync_deliveries d where d.consumer = $1 and d.lane = $2 and d.shard = s.shard \
     and d.state in ('claimed', 'retry') and d.due_at <= $3)) \
     order by random() limit $4 for update skip locked), \
     due as (update sync_deliveries d set state = 'ready', claim = null, due_at = null, \
     lapsed = d.lapsed + case d.state when 'claimed' then 1 else 0 end from held \
     where d.consumer = $1 and d.lane = $2 and d.shard = held.shard and d.state in ('claimed', 'retry') \
     and d.due_at <= $3) \
     select shard from held";

/// The first of each shard. What is behind a failure is put aside, so that it is looked at once; what is behind a
/// claim stays, because the claim will end soon. Answers the number put aside with every row.
const CLAIM: &str = concat!(
    "with first as (select d.position, d.record from unnest($3::integer[]) as s (shard) cross join lateral \
     (select position, record from sync_deliveries where consumer = $1 and lane = $2 and shard = s.shard \
     and state = 'ready' order by position limit $4) as d), \
     judged as (select f.position, \
     exists (select 1 from sync_deliveries b where b.consumer = $1 and b.lane = $2 and b.record = f.record \
     and b.position < f.position and b.state in ('retry', 'held', 'parked')) as behind, \
     exists (select 1 from sync_deliveries b where b.consumer = $1 and b.lane = $2 and b.record = f.record \
     and b.position < f.position and b.state = 'claimed') as busy from first f), \
     aside as (update sync_deliveries d set state = 'held' from judged j \
     where d.consumer = $1 and d.position = j.position and j.behind returning 1), \
     taken as (update sync_deliveries d set state = 'claimed', claim = $5, due_at = $6 from judged j \
     where d.consumer = $1 and d.position = j.position and not j.behind and not j.busy \
     returning d.position, d.attempts, d.lapsed) \
     select n.aside, t.position, t.attempts, t.lapsed, ",
    columns!(),
    " from (select count(*) as aside from aside) as n \
     left join (taken t join sync_outbox o on o.position = t.position) on true order by t.position"
);

const ACKNOWLEDGE: &str = "with done as (delete from sync_deliveries where consumer = $1 and claim = $2 \
     and position = any($3) and state = 'claimed' returning record), \
     free as (update sync_deliveries h set state = 'ready' from (select distinct record from done) as r \
     where h.consumer = $1 and h.lane = $4 and h.record = r.record and h.state = 'held' and not exists \
     (select 1 from sync_deliveries b where b.consumer = $1 and b.lane = $4 and b.record = h.record \
     and b.position < h.position and b.state in ('retry', 'parked'))) \
     select count(*) from done";

const FAIL: &str = "with failed as (update sync_deliveries d set state = f.state, attempts = d.attempts + 1, \
     claim = null, due_at = f.due_at, error = f.error \
     from unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[]) as f (position, state, due_at, error) \
     where d.consumer = $1 and d.claim = $2 and d.position = f.position and d.state = 'claimed' \
     returning d.record, d.state) \
     update sync_deliveries h set state = 'ready' from failed r \
     where r.state = 'passed' and h.consumer = $1 and h.lane = $7 and h.record = r.record and h.state = 'held' \
     and not exists (select 1 from sync_deliveries b where b.consumer = $1 and b.lane = $7 \
     and b.record = h.record and b.position < h.position and b.state in ('retry', 'parked'))";

const RELEASE: &str = "update sync_deliveries set state = 'ready', claim = null, due_at = null \
     where consumer = $1 and claim = $2 and position = any($3) and state = 'claimed'";

const PARKED: &str = concat!(
    "select d.consumer, d.attempts, d.error, d.state, ",
    columns!(),
    " from sync_deliveries d join sync_outbox o on o.position = d.position \
     where d.state in ('parked', 'passed') and ($1::text is null or d.consumer = $1) \
     and ($2::text is null or d.lane = $2) and ($3::uuid is null or o.id = $3) \
     order by d.position, d.consumer limit $4"
);

const REPLAY: &str = "update sync_deliveries d set state = 'ready', attempts = 0, lapsed = 0, error = null \
     where d.state in ('parked', 'passed') and ($1::text is null or d.consumer = $1) \
     and ($2::text is null or d.lane = $2) \
     and ($3::uuid is null or d.position = (select o.position from sync_outbox o where o.id = $3))";

const QUEUES: &str = "select c.consumer, c.lane, coalesce(d.waiting, 0), coalesce(d.claimed, 0), \
     coalesce(d.retrying, 0), coalesce(d.parked, 0), d.oldest from \
     (select distinct consumer, lane from sync_consumers) as c left join \
     (select d.consumer, d.lane, count(*) filter (where d.state not in ('parked', 'passed')) as waiting, \
     count(*) filter (where d.state = 'claimed') as claimed, count(*) filter (where d.state = 'retry') as retrying, \
     count(*) filter (where d.state in ('parked', 'passed')) as parked, \
     min(o.at) filter (where d.state not in ('parked', 'passed')) as oldest \
     from sync_deliveries d join sync_outbox o on o.position = d.position group by d.consumer, d.lane) as d \
     on d.consumer = c.consumer and d.lane = c.lane order by c.consumer, c.lane";

const PURGE: &str = "delete from sync_outbox where position in (select o.position from sync_outbox o \
     where o.at < $1 and not exists (select 1 from sync_deliveries d where d.position = o.position) \
     order by o.at, o.position limit $2 for update skip locked)";

#[async_trait]
impl DeliveryStore<PgTx> for PgStore {
    #[tracing::instrument(name = "pg.deliveries.register", skip_all, fields(consumer = consumer.as_str()), err)]
    async fn register(
        &self,
        tx: &mut PgTx,
        consumer: &ConsumerName,
        lanes: &[Lane],
        start: Start,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        const DURING: &str = "registering a consumer of events";
        sqlx::query(LOCK).execute(tx.connection()).await.map_err(store_error(DURING))?;
        let mut added: Vec<String> = sqlx::query_scalar(REGISTER)
            .bind(consumer.as_str())
            .bind(lanes.iter().map(|lane| lane.as_str()).collect::<Vec<_>>())
            .bind(now)
            .bind(N_SHARDS)
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        added.sort_unstable();
        added.dedup();
        if start == Start::Kept && !added.is_empty() {
            let catch_up = sqlx::query(CATCH_UP).bind(consumer.as_str()).bind(added);
            catch_up.execute(tx.connection()).await.map_err(store_error(DURING))?;
        }
        Ok(())
    }

    async fn forget_consumer(&self, tx: &mut PgTx, consumer: &ConsumerName) -> Result<bool, StoreError> {
        const DURING: &str = "forgetting a consumer of events";
        sqlx::query(LOCK).execute(tx.connection()).await.map_err(store_error(DURING))?;
        let gone = sqlx::query(FORGET).bind(consumer.as_str()).execute(tx.connection()).await;
        Ok(gone.map_err(store_error(DURING))?.rows_affected() > 0)
    }

    #[tracing::instrument(name = "pg.deliveries.claim", skip_all, fields(consumer = request.consumer.as_str()), err)]
    async fn claim(&self, tx: &mut PgTx, request: &ClaimRequest) -> Result<Vec<ClaimedEvent>, StoreError> {
        const DURING: &str = "claiming events";
        let shards: Vec<i32> = sqlx::query_scalar(HOLD)
            .bind(request.consumer.as_str())
            .bind(request.lane.as_str())
            .bind(request.now)
            .bind(CLAIM_SHARDS)
            .fetch_all(tx.connection())
            .await
            .map_err(store_error(DURING))?;
        if shards.is_empty() {
            return Ok(Vec::new());
        }
        let limit = request.limit.max(1);
        let share = i64::from(limit.div_ceil(shards.len() as u32));
        loop {
            let rows = sqlx::query(CLAIM)
                .bind(request.consumer.as_str())
                .bind(request.lane.as_str())
                .bind(&shards)
                .bind(share)
                .bind(request.claim.0)
                .bind(request.until)
                .fetch_all(tx.connection())
                .await
                .map_err(store_error(DURING))?;
            let n_aside: i64 = rows.first().map_or(Ok(0), |row| get(row, 0))?;
            let found: Vec<ClaimedEvent> =
                rows.iter().filter_map(|row| claimed(row).transpose()).collect::<Result<_, _>>()?;
            // Everything that came first was behind a failure: what comes next may not be.
            if !found.is_empty() || n_aside == 0 {
                return Ok(found);
            }
        }
    }

    async fn acknowledge(&self, tx: &mut PgTx, key: &ClaimKey, positions: &[i64]) -> Result<u64, StoreError> {
        if positions.is_empty() {
            return Ok(0);
        }
        let acknowledge = of_claim(ACKNOWLEDGE, key).bind(positions).bind(key.lane.as_str());
        let row = acknowledge.fetch_one(tx.connection()).await;
        let n_done: i64 = get(&row.map_err(store_error("acknowledging events"))?, 0)?;
        Ok(n_done.cast_unsigned())
    }

    async fn fail(&self, tx: &mut PgTx, key: &ClaimKey, failed: &[FailedDelivery]) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        let mut query = of_claim(FAIL, key);
        for column in failures(failed) {
            query = query.bind(column);
        }
        let noted = query.bind(key.lane.as_str()).execute(tx.connection()).await;
        noted.map(drop).map_err(store_error("noting failed deliveries"))
    }

    async fn release(&self, tx: &mut PgTx, key: &ClaimKey, positions: &[i64]) -> Result<(), StoreError> {
        if positions.is_empty() {
            return Ok(());
        }
        let released = of_claim(RELEASE, key).bind(positions).execute(tx.connection()).await;
        released.map(drop).map_err(store_error("releasing events"))
    }

    async fn parked(
        &self,
        tx: &mut PgTx,
        filter: &ParkedFilter,
        limit: u32,
    ) -> Result<Vec<ParkedDelivery>, StoreError> {
        let rows = filtered(PARKED, filter).bind(i64::from(limit)).fetch_all(tx.connection()).await;
        rows.map_err(store_error("listing parked events"))?.iter().map(parked).collect()
    }

    #[tracing::instrument(name = "pg.deliveries.replay", skip_all, err)]
    async fn replay(&self, tx: &mut PgTx, filter: &ParkedFilter) -> Result<u64, StoreError> {
        let updated = filtered(REPLAY, filter).execute(tx.connection()).await;
        let n_replayed = updated.map_err(store_error("replaying parked events"))?.rows_affected();
        if n_replayed > 0 {
            sqlx::query("select pg_notify('sync_outbox', current_schema())")
                .execute(tx.connection())
                .await
                .map_err(store_error("telling of replayed events"))?;
        }
        Ok(n_replayed)
    }

    async fn queues(&self, tx: &mut PgTx) -> Result<Vec<QueueState>, StoreError> {
        let rows = sqlx::query(QUEUES).fetch_all(tx.connection()).await;
        rows.map_err(store_error("counting events"))?.iter().map(queue).collect()
    }

    #[tracing::instrument(name = "pg.deliveries.purge", skip_all, err)]
    async fn purge(&self, tx: &mut PgTx, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
        let purge = sqlx::query(PURGE).bind(before).bind(i64::from(limit));
        let purged = purge.execute(tx.connection()).await.map_err(store_error("purging events"))?;
        Ok(purged.rows_affected())
    }
}

type Bound<'q> = Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

fn of_claim<'q>(sql: &'static str, key: &'q ClaimKey) -> Bound<'q> {
    sqlx::query(sql).bind(key.consumer.as_str()).bind(key.claim.0)
}

fn filtered<'q>(sql: &'static str, filter: &'q ParkedFilter) -> Bound<'q> {
    sqlx::query(sql)
        .bind(filter.consumer.as_ref().map(|consumer| storable(consumer.as_str())))
        .bind(filter.lane.map(Lane::as_str))
        .bind(filter.event.map(|event| event.0))
}

/// The failures as columns of `FAIL`.
fn failures(failed: &[FailedDelivery]) -> [Column; 4] {
    use ColumnType::{Instant, Int, Text};
    let mut columns = [Int, Text, Instant, Text].map(|r#type| Column::new(r#type, failed.len()));
    let [position, state, due_at, error] = &mut columns;
    for failure in failed {
        let (name, due) = match failure.then {
            AfterFailure::Retry(at) => ("retry", Some(at)),
            AfterFailure::Park => ("parked", None),
            AfterFailure::ParkAndPass => ("passed", None),
        };
        copy::int(position.next(), failure.position);
        copy::text(state.next(), name);
        copy::opt(due_at.next(), due, copy::instant);
        copy::audit_text(error.next(), &failure.error);
    }
    columns
}

/// A row of `CLAIM`; none where nothing was taken.
fn claimed(row: &PgRow) -> Result<Option<ClaimedEvent>, StoreError> {
    let Some(position) = get::<Option<i64>>(row, 1)? else { return Ok(None) };
    let times = |column| get::<i32>(row, column).map(i32::cast_unsigned);
    Ok(Some(ClaimedEvent { position, attempts: times(2)?, lapsed: times(3)?, event: read(row, 4)? }))
}

fn parked(row: &PgRow) -> Result<ParkedDelivery, StoreError> {
    Ok(ParkedDelivery {
        consumer: get::<&str>(row, 0)?.into(),
        attempts: get::<i32>(row, 1)?.cast_unsigned(),
        error: get::<Option<String>>(row, 2)?.unwrap_or_default(),
        blocks: get::<&str>(row, 3)? == "parked",
        event: read(row, 4)?,
    })
}

fn queue(row: &PgRow) -> Result<QueueState, StoreError> {
    let count = |column| get::<i64>(row, column).map(i64::cast_unsigned);
    let lane: &str = get(row, 1)?;
    let consumer: &str = get(row, 0)?;
    Ok(QueueState {
        consumer: consumer.into(),
        lane: Lane::parse(lane).ok_or_else(|| StoreError::Corrupt {
            table: "sync_consumers",
            column: "lane",
            row: consumer.to_owned(),
            reason: "its name is not known".to_owned(),
        })?,
        waiting: count(2)?,
        claimed: count(3)?,
        retrying: count(4)?,
        parked: count(5)?,
        oldest: row.try_get(6).map_err(store_error("counting events"))?,
    })
}
