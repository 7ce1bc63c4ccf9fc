//! `hexsync subscriptions`

use std::io::{self, Write};

use chrono::Utc;
use serde::Serialize;
use sync_wiring::core::{Subscription, SubscriptionId};
use uuid::Uuid;

use crate::app::{App, AppStore, Selection, StoreCommand, by_id, label};
use crate::config::Connection;
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::{Out, Report, Style, Table, instant};

/// What is synced: add, list, pause and resume subscriptions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subscriptions {
    /// Add a subscription per connection and entity of the configuration; those that exist stay as they are.
    Add(Add),
    /// List all subscriptions.
    List,
    /// Pause subscriptions: runs leave them out.
    Pause(Named),
    /// Resume paused subscriptions from where they stopped.
    Resume(Named),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    /// Only of this connection. May be given several times.
    #[arg(long, value_name = "ID")]
    connection: Vec<String>,
    /// Only of this entity. May be given several times.
    #[arg(long)]
    entity: Vec<Entity>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// Subscriptions: the id, its beginning or end, or CONNECTION/ENTITY.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

#[derive(Serialize)]
struct Listing {
    subscriptions: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    subscription: Subscription,
    /// Absent where nothing was asked to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<&'static str>,
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.subscriptions.is_empty() {
            return writeln!(out, "there are no subscriptions; add some by `hexsync subscriptions add`");
        }
        let mut table = Table::new(["id", "name", "state", "added", "cursor"]);
        for Line { subscription, done } in &self.subscriptions {
            let state = done.unwrap_or(if subscription.paused { "paused" } else { "active" });
            table.row([
                subscription.id.to_string().into(),
                label(subscription).into(),
                state.into(),
                instant(subscription.created_at).into(),
                subscription.cursor.as_ref().map_or("-", |cursor| cursor.as_str()).into(),
            ]);
        }
        table.write(out, style)
    }
}

impl StoreCommand for Subscriptions {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let subscriptions = match self {
            Self::Add(add) => add.run(app).await?,
            Self::List => {
                let all = app.subscriptions().await?;
                all.into_iter().map(|subscription| Line { subscription, done: None }).collect()
            }
            Self::Pause(named) => named.set_paused(app, true).await?,
            Self::Resume(named) => named.set_paused(app, false).await?,
        };
        out.show(&Listing { subscriptions })?;
        Ok(Exit::Ok)
    }
}

impl Add {
    async fn run<S: AppStore>(self, app: &App<S>) -> Result<Vec<Line>, CliError> {
        if app.config.connections.is_empty() {
            let error = CliError::usage("the configuration has no connection");
            return Err(error.next(format!("add [[connections]] to {}", app.config.path.display())));
        }
        for id in &self.connection {
            if !app.config.connections.iter().any(|connection| connection.id.as_str() == id) {
                return Err(CliError::usage(format!("the configuration has no connection `{id}`")));
            }
        }
        let mut lines = Vec::new();
        for connection in &app.config.connections {
            if !self.wants(connection) || !app.tenants().contains(&connection.tenant) {
                continue;
            }
            for entity in &connection.entities {
                if self.entity.is_empty() || self.entity.contains(entity) {
                    lines.push(add(app, connection, *entity).await?);
                }
            }
        }
        if lines.is_empty() {
            return Err(CliError::usage("no connection of the configuration has that entity and tenant"));
        }
        Ok(lines)
    }

    fn wants(&self, connection: &Connection) -> bool {
        self.connection.is_empty() || self.connection.iter().any(|id| id == connection.id.as_str())
    }
}

async fn add<S: AppStore>(app: &App<S>, connection: &Connection, entity: Entity) -> Result<Line, CliError> {
    let wanted = Subscription {
        id: SubscriptionId(Uuid::now_v7()),
        tenant: connection.tenant.clone(),
        connection: connection.id.clone(),
        adapter: connection.crm.poll_adapter().to_owned(),
        domain: entity.name().to_owned(),
        external_ref: None,
        paused: false,
        cursor: None,
        created_at: Utc::now(),
    };
    let subscription = app
        .transact(wanted.tenant.as_ref(), async |store, tx| store.add_subscription(tx, &wanted).await)
        .await?;
    let done = if subscription.id == wanted.id { "added" } else { "was there" };
    Ok(Line { subscription, done: Some(done) })
}

impl Named {
    async fn set_paused<S: AppStore>(self, app: &App<S>, paused: bool) -> Result<Vec<Line>, CliError> {
        let selection = Selection { ids: self.ids, ..Selection::default() };
        let all = app.subscriptions().await?;
        // All names are looked up before anything is changed.
        let chosen: Vec<&Subscription> =
            selection.ids.iter().map(|id| by_id(&all, id)).collect::<Result<_, _>>()?;
        let mut lines = Vec::new();
        for subscription in chosen {
            let (tenant, id) = (subscription.tenant.as_ref(), subscription.id);
            app.transact(tenant, async |store, tx| store.set_paused(tx, tenant, id, paused).await).await?;
            let done = Some(if paused { "paused" } else { "resumed" });
            lines.push(Line { subscription: Subscription { paused, ..subscription.clone() }, done });
        }
        Ok(lines)
    }
}
