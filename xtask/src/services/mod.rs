//! Throw-away PostgreSQL, Redis and NATS servers on loopback.
//!
//! They listen on free ports of 127.0.0.1 and keep their data in a folder of this run. Whatever ends
//! the run (success, failure, Ctrl-C, a polite kill) stops them and removes the folder, except
//! `kill -9` of this program: then the next start cleans up. Works on Unix.

mod account;
mod install;
mod nats;
mod postgres;
mod redis;
mod run_folder;
mod server;

use anyhow::{Result, bail};

use self::account::Account;
use self::install::Backend;
pub(crate) use self::postgres::Durability;
use self::run_folder::RunFolder;
use self::server::Server;
use crate::process;
use crate::workspace::Workspace;

/// Where tests find PostgreSQL. Set by the caller, that server is used and none is started.
pub(crate) const POSTGRES_URL: &str = "HEXSYNC_TEST_POSTGRES_URL";
/// Where tests find Redis. Set by the caller, that server is used and none is started.
pub(crate) const REDIS_URL: &str = "HEXSYNC_TEST_REDIS_URL";

/// Where tests find NATS with JetStream. Set by the caller, that server is used and none is started.
pub(crate) const NATS_URL: &str = "HEXSYNC_TEST_NATS_URL";

/// What `cargo xtask services` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave the data and the logs of the servers in place after they have stopped.
    #[arg(long)]
    keep: bool,
}

/// Which servers a chore needs.
pub(crate) struct Want {
    pub(crate) durability: Durability,
    /// The variable that names a PostgreSQL of the caller's.
    pub(crate) postgres_url: &'static str,
    pub(crate) redis: bool,
    pub(crate) nats: bool,
    /// Keep data and logs afterwards.
    pub(crate) keep: bool,
}

/// Servers that run for as long as this value lives.
pub(crate) struct Services {
    // Stopped in this order, and before the folder below goes.
    servers: Vec<Server>,
    urls: Vec<(&'static str, String)>,
    _folder: Option<RunFolder>,
}

impl Services {
    /// Starts what the environment does not already name, installing it if that is possible.
    pub(crate) fn start(workspace: &Workspace, want: &Want) -> Result<Self> {
        let mut urls = Vec::new();
        let mut start_postgres = true;
        let mut start_redis = want.redis;
        let mut start_nats = want.nats;
        if let Some(url) = given(want.postgres_url) {
            start_postgres = false;
            urls.push((want.postgres_url, url));
        }
        if let Some(url) = given(REDIS_URL).filter(|_| want.redis) {
            start_redis = false;
            urls.push((REDIS_URL, url));
        }
        if let Some(url) = given(NATS_URL).filter(|_| want.nats) {
            start_nats = false;
            urls.push((NATS_URL, url));
        }
        if !start_postgres && !start_redis && !start_nats {
            return Ok(Self { servers: Vec::new(), urls, _folder: None });
        }

        let missing = [
            (start_postgres && postgres::find().is_none()).then_some(Backend::Postgres),
            (start_redis && redis::find().is_none()).then_some(Backend::Redis),
            (start_nats && nats::find().is_none()).then_some(Backend::Nats),
        ];
        install::ensure(&missing.into_iter().flatten().collect::<Vec<_>>())?;

        // PostgreSQL refuses to run as root; looked up after the installation, which adds its user.
        let account = if start_postgres { Account::for_postgres()? } else { None };
        let folder = RunFolder::create(&workspace.target, account, want.keep)?;
        let mut servers = Vec::new();
        if start_postgres {
            let Some(programs) = postgres::find() else { bail!("{}", install::hint(&[Backend::Postgres])) };
            let (server, url) = postgres::start(&programs, &folder, account, want.durability)?;
            servers.push(server);
            urls.push((want.postgres_url, url));
        }
        if start_redis {
            let Some(program) = redis::find() else { bail!("{}", install::hint(&[Backend::Redis])) };
            let (server, url) = redis::start(&program, &folder)?;
            servers.push(server);
            urls.push((REDIS_URL, url));
        }
        if start_nats {
            let Some(program) = nats::find() else { bail!("{}", install::hint(&[Backend::Nats])) };
            let (server, url) = nats::start(&program, &folder)?;
            servers.push(server);
            urls.push((NATS_URL, url));
        }
        Ok(Self { servers, urls, _folder: Some(folder) })
    }

    /// The variables for the programs that use these servers.
    pub(crate) fn env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.urls.iter().map(|(name, url)| (*name, url.as_str()))
    }

    /// The PostgreSQL to use, if one was wanted.
    pub(crate) fn postgres_url(&self) -> Option<&str> {
        self.env().find(|(_, url)| url.starts_with("postgres")).map(|(_, url)| url)
    }

    fn check_alive(&mut self) -> Result<()> {
        for server in &mut self.servers {
            if let Some(status) = server.exited()? {
                bail!("{} ended by itself with {status}:\n{}", server.name(), server.log_tail());
            }
        }
        Ok(())
    }
}

/// `cargo xtask services`: runs until Ctrl-C.
pub(crate) fn foreground(workspace: &Workspace, args: &Args) -> Result<()> {
    let want = Want {
        durability: Durability::Tests,
        postgres_url: POSTGRES_URL,
        redis: true,
        nats: true,
        keep: args.keep,
    };
    let mut services = Services::start(workspace, &want)?;
    for (name, url) in services.env() {
        println!("export {name}='{url}'");
    }
    if services.servers.is_empty() {
        eprintln!("all servers are named by the environment, so there is nothing to start");
        return Ok(());
    }
    eprintln!("running; paste the lines above into another shell; Ctrl-C stops the servers");
    while process::interrupted().is_none() {
        services.check_alive()?;
        std::thread::sleep(process::POLL);
    }
    drop(services);
    eprintln!("stopped");
    Ok(())
}

fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|url| !url.is_empty())
}
