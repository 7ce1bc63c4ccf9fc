//! Benchmarks the engine against the floor, alternating within one run, on PostgreSQL.
//!
//! Each measurement is a process of its own, so that peak memory is its own too. Each simulated CRM is another
//! process; fetching and parsing are part of what is measured, on both sides.

mod crm;
mod door;
mod engine;
mod floor;
mod measure;
mod pgcopy;
mod report;
mod webhooks;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use sync_core::NoopPolicy;

use self::crm::Simulated;
use self::door::{Crm, Door};
use self::measure::Outcome;
use self::report::{Report, Setting, Workload};

/// Compares the engine with the fastest hand-written SQL that leaves the same rows.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// PostgreSQL to run on; schemas whose names begin with `hexsync_bench_` are dropped and made anew.
    #[arg(long, env = "HEXSYNC_BENCH_POSTGRES_URL", global = true, default_value = "")]
    database_url: String,
    /// Opportunities in each CRM.
    #[arg(long, default_value_t = 50_000)]
    records: usize,
    /// From which CRMs; may be given several times. Default: from either, and from both at once.
    #[arg(long = "from")]
    settings: Vec<Setting>,
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
    /// Serves a CRM; used by the benchmark itself.
    #[command(hide = true)]
    Serve {
        crm: Crm,
        #[arg(long)]
        records: usize,
    },
    /// Measures webhooks instead: from the call to the row, and how many events are taken in.
    Webhooks {
        /// Events of the flood.
        #[arg(long, default_value_t = 50_000)]
        events: usize,
    },
    /// Receives webhooks; used by the benchmark itself.
    #[command(hide = true)]
    Receive {
        #[arg(long)]
        door: String,
        #[arg(long)]
        schema: String,
    },
    /// Measures one contender once; used by the benchmark itself.
    #[command(hide = true)]
    Measure {
        contender: Contender,
        #[arg(long)]
        doors: String,
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
        Some(Command::Serve { crm, records }) => crm::serve(crm, records).await,
        Some(Command::Measure { contender, ref doors, ref schema }) => {
            let doors: Vec<Door> = serde_json::from_str(doors)?;
            let outcome = measure(contender, &doors, &args.database_url, schema).await?;
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
        Some(Command::Receive { ref door, ref schema }) => {
            webhooks::receive(&serde_json::from_str(door)?, &args.database_url, schema).await
        }
        Some(Command::Webhooks { events }) => {
            ensure!(!args.database_url.is_empty(), "{NO_DATABASE}");
            webhooks::run(&args.database_url, args.records.min(2_000), events, args.json).await
        }
        None => compare(&args).await,
    }
}

const NO_DATABASE: &str = "name a PostgreSQL with --database-url, or run `cargo xtask bench`";

async fn measure(contender: Contender, doors: &[Door], url: &str, schema: &str) -> Result<Option<Outcome>> {
    Ok(match contender {
        Contender::Prepare => {
            engine::prepare(doors, url, schema).await?;
            None
        }
        Contender::Floor => Some(floor::run(doors, url, schema).await?),
        Contender::Engine => Some(engine::run(doors, url, schema, NoopPolicy::Record).await?),
        Contender::EngineCounting => Some(engine::run(doors, url, schema, NoopPolicy::Count).await?),
    })
}

async fn compare(args: &Args) -> Result<()> {
    ensure!(!args.database_url.is_empty(), "{NO_DATABASE}");
    let settings = if args.settings.is_empty() { Setting::ALL.to_vec() } else { args.settings.clone() };
    let mut report = Report::default();
    for setting in settings {
        let crms: Vec<Simulated> =
            setting.crms().iter().map(|crm| Simulated::start(*crm, args.records)).collect::<Result<_>>()?;
        let mut bench = Bench { args, setting, crms, report: &mut report };
        for round in 0..args.rounds {
            eprintln!("{}: round {} of {}", setting.name(), round + 1, args.rounds);
            bench.round(round).await?;
        }
    }
    report.print(args.records, args.json)
}

/// One setting under measurement.
struct Bench<'a> {
    args: &'a Args,
    setting: Setting,
    crms: Vec<Simulated>,
    report: &'a mut Report,
}

impl Bench<'_> {
    async fn round(&mut self, round: usize) -> Result<()> {
        let (floor, engine) = ("hexsync_bench_floor", "hexsync_bench_engine");
        for schema in [floor, engine] {
            fresh_schema(&self.args.database_url, schema).await?;
            self.child(Contender::Prepare, schema)?;
        }
        for workload in [Workload::Load, Workload::Unchanged, Workload::Changed] {
            let n_changed = self.args.records / 20;
            if self.args.load_only && workload != Workload::Load {
                break;
            }
            let mut expected = 0;
            for crm in &mut self.crms {
                match workload {
                    Workload::Load => expected += crm.door.n_live,
                    Workload::Unchanged => {}
                    Workload::Changed => {
                        crm.change(n_changed, round)?;
                        expected += n_changed;
                    }
                }
            }
            // Who begins changes from round to round, so that neither always finds the warmer machine.
            let order = if round.is_multiple_of(2) { [0, 1] } else { [1, 0] };
            let pairs = [(Contender::Floor, floor), (Contender::Engine, engine)];
            for (contender, schema) in order.map(|n| pairs[n]) {
                let outcome = self.child(contender, schema)?.context("a measured contender")?;
                let n_all = self.args.records * self.crms.len();
                ensure!(outcome.n_records == n_all, "{contender:?} saw {} records", outcome.n_records);
                ensure!(outcome.n_written == expected, "{contender:?} wrote {} rows", outcome.n_written);
                self.report.add(self.setting, contender, workload, outcome);
            }
            if workload == Workload::Unchanged {
                let counting = self.child(Contender::EngineCounting, engine)?;
                let counting = counting.context("a measured contender")?;
                self.report.add(self.setting, Contender::EngineCounting, workload, counting);
            }
        }
        same_rows(&self.args.database_url, floor, engine).await
    }

    /// Runs one measurement in a process of its own.
    fn child(&self, contender: Contender, schema: &str) -> Result<Option<Outcome>> {
        let name = contender.to_possible_value().context("a contender's name")?;
        let doors: Vec<&Door> = self.crms.iter().map(|crm| &crm.door).collect();
        let output = std::process::Command::new(std::env::current_exe()?)
            .args([
                "measure",
                name.get_name(),
                "--schema",
                schema,
                "--doors",
                &serde_json::to_string(&doors)?,
            ])
            .args(["--database-url", &self.args.database_url])
            .stderr(std::process::Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "{contender:?} failed");
        Ok(serde_json::from_slice(&output.stdout)?)
    }
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
        let columns = "connection_id, external_id, remote_version, name, stage, amount, probability, close_date, closed, won, kind, \
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
