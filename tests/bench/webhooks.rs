//! Webhooks: how long from a call to the row, how many events are taken in, and what memory that takes.
//!
//! The receiver, its drain and PostgreSQL are what is measured; caller and simulated CRM are processes of their own.

mod caller;
mod receiver;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use self::caller::Caller;
use crate::crm::Simulated;
use crate::door::{Crm, Door};
use crate::fresh_schema;

pub(crate) use receiver::receive;

const SCHEMA: &str = "hexsync_bench_webhooks";
/// The client secret of both sides.
const SECRET: &str = "a secret of the benchmark";
/// What the caller signs as the address.
const PUBLIC_URL: &str = "https://hooks.example.test";
/// HubSpot's default of calls at once.
const CALLS_AT_ONCE: usize = 10;

/// What a receiver says when it listens.
#[derive(Serialize, Deserialize)]
struct Listening {
    url: String,
}

/// What a receiver says at its end.
#[derive(Serialize, Deserialize)]
struct Ended {
    peak_mib: f64,
    n_staged: u64,
    n_put_off: u64,
}

/// Measures and prints.
pub(crate) async fn run(url: &str, n_records: usize, n_events: usize, as_json: bool) -> Result<()> {
    fresh_schema(url, SCHEMA).await?;
    let crm = Simulated::start(Crm::Hubspot, n_records)?;
    let mut receiver = Receiving::start(&crm.door, url)?;
    let mut database = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(format!("set search_path to {SCHEMA}"))).execute(&mut database).await?;
    let mut caller = Caller::new(&receiver.url, deals(&crm.door).await?)?;

    let mut latencies = latencies(&mut caller, &mut database, 200.min(n_records / 2)).await?;
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1_000.0;
    let in_hundreds = caller.flood(n_events, 100, CALLS_AT_ONCE).await?;
    drained(&mut database).await?;
    let one_by_one = caller.flood(n_events.min(10_000), 1, 4 * CALLS_AT_ONCE).await?;
    let waited = drained(&mut database).await?;
    let ended = receiver.end()?;
    let lost: i64 = sqlx::query_scalar("select count(*) from sync_webhook_inbox where settled_at is null")
        .fetch_one(&mut database)
        .await?;
    let kept: i64 =
        sqlx::query_scalar("select count(*) from sync_webhook_inbox").fetch_one(&mut database).await?;
    let sent = latencies.len() + in_hundreds.n_events + one_by_one.n_events;
    ensure!(lost == 0, "{lost} notices were never applied");
    ensure!(usize::try_from(kept)? == sent, "{sent} events were acknowledged and {kept} are there");

    let figures = json!({
        "latency_ms": {"median": at(0.5), "p95": at(0.95), "worst": at(1.0), "calls": latencies.len()},
        "calls_of_100_events": in_hundreds.figures(),
        "calls_of_1_event": one_by_one.figures(),
        "drained_after_seconds": waited.as_secs_f64(),
        "peak_mib": ended.peak_mib,
        "acknowledged_events": sent,
        "staged_events": ended.n_staged,
        "put_off_calls": ended.n_put_off,
    });
    if as_json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
        return Ok(());
    }
    println!("webhooks of HubSpot into PostgreSQL, {n_records} deals in the CRM\n");
    println!(
        "from the call to the row    median {:.0} ms, p95 {:.0} ms, worst {:.0} ms ({} calls, one after the other)",
        at(0.5),
        at(0.95),
        at(1.0),
        latencies.len()
    );
    println!("events taken in             {}", in_hundreds.line(100));
    println!("                            {}", one_by_one.line(1));
    println!("all applied                 {:.1} s after the last call", waited.as_secs_f64());
    println!("peak memory of the receiver {:.0} MiB", ended.peak_mib);
    println!(
        "acknowledged {sent}, staged {}, put off and repeated {} calls, lost 0",
        ended.n_staged, ended.n_put_off
    );
    Ok(())
}

/// The ids of every deal.
async fn deals(door: &Door) -> Result<Vec<u64>> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let (mut ids, mut after) = (Vec::with_capacity(door.n_live), String::new());
    loop {
        let url = format!("{}/crm/v3/objects/deals?limit=100{after}", door.url);
        let page: serde_json::Value = client.get(url).bearer_auth(&door.token).send().await?.json().await?;
        let results = page["results"].as_array().context("a page of deals")?;
        ids.extend(results.iter().filter_map(|deal| deal["id"].as_str()?.parse::<u64>().ok()));
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(ids),
        }
    }
}

/// From the beginning of a call to the row, for deals that are not here yet.
async fn latencies(caller: &mut Caller, database: &mut PgConnection, n: usize) -> Result<Vec<Duration>> {
    let mut latencies = Vec::with_capacity(n);
    for _ in 0..n {
        let began = Instant::now();
        let deal = caller.one().await?.to_string();
        loop {
            let found = sqlx::query_scalar::<_, i32>("select 1 from opportunities where external_id = $1")
                .bind(&deal)
                .fetch_optional(&mut *database)
                .await?;
            if found.is_some() {
                break;
            }
            ensure!(began.elapsed() < Duration::from_secs(30), "deal {deal} did not arrive");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        latencies.push(began.elapsed());
    }
    Ok(latencies)
}

/// Waits until nothing waits, and says how long it took.
async fn drained(database: &mut PgConnection) -> Result<Duration> {
    let began = Instant::now();
    loop {
        let waiting: bool =
            sqlx::query_scalar("select exists (select 1 from sync_webhook_inbox where settled_at is null)")
                .fetch_one(&mut *database)
                .await?;
        if !waiting {
            return Ok(began.elapsed());
        }
        ensure!(began.elapsed() < Duration::from_secs(600), "notices still wait after ten minutes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A receiver in a process of its own, ended when its input is.
struct Receiving {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Receiving {
    fn start(door: &Door, database_url: &str) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["receive", "--schema", SCHEMA, "--door", &serde_json::to_string(door)?])
            .args(["--database-url", database_url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().context("the receiver's output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let Listening { url } = serde_json::from_str(&line).context("the receiver did not start")?;
        Ok(Self { child, input, output, url })
    }

    fn end(&mut self) -> Result<Ended> {
        if let Some(mut input) = self.input.take() {
            input.flush()?;
        }
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        serde_json::from_str(&line).context("the receiver did not end well")
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        // It ends by itself when its input does; this makes sure.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
