//! A process that syncs an org into a store and may be killed at any moment; started by the end-to-end tests.

use anyhow::Context;
use e2e::worker::{Task, work};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let task = std::env::args().nth(1).context("a task, as json, is the only argument")?;
    work(serde_json::from_str::<Task>(&task)?).await
}
