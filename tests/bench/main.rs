//! Benchmarks the engine against the floor, alternating within one run, on PostgreSQL.
//!
//! Each measurement is a process of its own, so that peak memory is its own too. The simulated org is another
//! process; fetching and parsing are part of what is measured, on both sides.

mod engine;
mod feed;
mod floor;
mod measure;
mod org;
mod pgcopy;
mod report;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use sync_core::NoopPolicy;

use self::feed::{Door, Feed};
use self::measure::Outcome;
use self::org::Org;
use self::report::{Report, Workload};

/// Compares the engine with the fastest hand-written SQL that leaves the same rows.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// PostgreSQL to run on; schemas whose names begin with `hexsync_bench_` are dropped and made anew.
    #[arg(long, env = "HEXSYNC_BENCH_POSTGRES_URL", global = true, default_value = "")]
    database_url: String,
    /// Opportunities in the org.
    #[arg(long, default_value_t = 50_000)]
    records: usize,
    /// How often everything is measured; medians are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Stop each round after the initial load.
    #[arg(long)]
    load_only: bool,
    /// One JSON document instead of tables.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the org; used by the benchmark itself.
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        records: usize,
    },
    /// Measures one contender once; used by the benchmark itself.
    #[command(hide = true)]
    Measure {
        contender: Contender,
        #[arg(long)]
        door: String,
        #[arg(long)]
        schema: String,
    },
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Contender {
    /// Makes the tables; not measured.
    Prepare,
    /// The hand-written SQL.
    Floor,
    /// The engine, an item for each noop.
    Engine,
    /// The engine, noops counted only.
    EngineCounting,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Serve { records }) => org::serve(records).await,
        Some(Command::Measure { contender, ref door, ref schema }) => {
            let door: Door = serde_json::from_str(door)?;
            let outcome = measure(contender, &door, &args.database_url, schema).await?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
        None => compare(&args).await,
    }
}

async fn measure(contender: Contender, door: &Door, url: &str, schema: &str) -> Result<Option<Outcome>> {
    Ok(match contender {
        Contender::Prepare => {
            engine::prepare(door, url, schema).await?;
            None
        }
        Contender::Floor => Some(floor::run(&Feed::new(door.clone())?, url, schema).await?),
        Contender::Engine => Some(engine::run(door, url, schema, NoopPolicy::Record).await?),
        Contender::EngineCounting => Some(engine::run(door, url, schema, NoopPolicy::Count).await?),
    })
}

async fn compare(args: &Args) -> Result<()> {
    ensure!(
        !args.database_url.is_empty(),
        "name a PostgreSQL with --database-url, or run `cargo xtask bench`"
    );
    let mut org = Org::start(args.records)?;
    let mut report = Report::default();
    for round in 0..args.rounds {
        eprintln!("round {} of {}", round + 1, args.rounds);
        let (floor, engine) = ("hexsync_bench_floor", "hexsync_bench_engine");
        for schema in [floor, engine] {
            fresh_schema(&args.database_url, schema).await?;
            child(Contender::Prepare, &org.door, args, schema)?;
        }
        let pairs = [(Contender::Floor, floor), (Contender::Engine, engine)];
        for workload in [Workload::Load, Workload::Unchanged, Workload::Changed] {
            let n_changed = args.records / 20;
            if args.load_only && workload != Workload::Load {
                break;
            }
            if workload == Workload::Changed {
                org.change(n_changed, round)?;
            }
            // Who begins changes from round to round, so that neither always finds the warmer machine.
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for (contender, schema) in order.map(|n| pairs[n]) {
                let outcome = child(contender, &org.door, args, schema)?.context("a measured contender")?;
                let expected = match workload {
                    Workload::Load => org.door.n_live,
                    Workload::Unchanged => 0,
                    Workload::Changed => n_changed,
                };
                ensure!(outcome.n_records == args.records, "{contender:?} saw {} records", outcome.n_records);
                ensure!(outcome.n_written == expected, "{contender:?} wrote {} rows", outcome.n_written);
                report.add(contender, workload, outcome);
            }
            if workload == Workload::Unchanged {
                let counting = child(Contender::EngineCounting, &org.door, args, engine)?;
                report.add(Contender::EngineCounting, workload, counting.context("a measured contender")?);
            }
        }
        same_rows(&args.database_url, floor, engine).await?;
    }
    report.print(args.records, args.json)
}

/// Runs one measurement in a process of its own.
fn child(contender: Contender, door: &Door, args: &Args, schema: &str) -> Result<Option<Outcome>> {
    let name = contender.to_possible_value().context("a contender's name")?;
    let output = std::process::Command::new(std::env::current_exe()?)
        .args(["measure", name.get_name(), "--schema", schema, "--door", &serde_json::to_string(door)?])
        .args(["--database-url", &args.database_url])
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "{contender:?} failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn fresh_schema(url: &str, schema: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await.context("connecting to PostgreSQL")?;
    let sql = format!("drop schema if exists {schema} cascade; create schema {schema}; checkpoint");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(())
}

/// Both contenders have to leave the same rows and as many audit items, or the comparison means nothing.
async fn same_rows(url: &str, floor: &str, engine: &str) -> Result<()> {
    let mut connection = PgConnection::connect(url).await?;
    for schema in [floor, engine] {
        let other = if schema == floor { engine } else { floor };
        let columns = "external_id, remote_version, name, stage, amount, probability, close_date, closed, won, kind, \
            lead_source, next_step, account_external_id, owner_external_id, account_id is null, owner_id is null, \
            custom_fields";
        let sql = format!(
            "select count(*) from (select {columns} from {schema}.opportunities except \
             select {columns} from {other}.opportunities) different"
        );
        let different: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await?;
        ensure!(different == 0, "{different} rows of {schema} are not in {other}");
    }
    Ok(())
}
