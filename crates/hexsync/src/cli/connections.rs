//! `hexsync connections`

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use sync_wiring::auth::connect::give_back;
use sync_wiring::auth::{SecretString, TokenStore, VaultTokenStore, next_step};
use sync_wiring::core::{Connection as Row, ConnectionKey, ConnectionStatus, TenantId, UnitOfWork};

use super::connect::Connect;
use crate::app::{App, AppStore, StoreCommand, cause, key_of, oauth_parts};
use crate::config::{Auth, Connection};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Out, Report, Style, Table, instant, note};

/// The accounts that were connected in a browser (auth = "connected"): list them, connect, give up.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Connections {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all connections with their state and, when they are dead, the cause and the next step.
    List,
    /// Connect an account: open the printed address in a browser of this machine and grant access.
    Connect(Connect),
    /// Try a dead connection again, after the cause was removed at the provider.
    Reset(Named),
    /// Give a connection up: its grant is given back to the provider and its tokens are removed.
    Revoke(Named),
    /// Remove what is known of a connection. Its records stay.
    Forget(Named),
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The connection's id in the configuration.
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
pub(super) struct Listing {
    connections: Vec<Line>,
}

#[derive(Serialize)]
struct Line {
    id: String,
    tenant: Option<TenantId>,
    provider: String,
    account: Option<String>,
    account_label: Option<String>,
    user: Option<String>,
    status: &'static str,
    cause: Option<&'static str>,
    code: Option<String>,
    detail: Option<String>,
    since: Option<DateTime<Utc>>,
    next: Option<&'static str>,
    expires_at: Option<DateTime<Utc>>,
    granted_at: Option<DateTime<Utc>>,
    key: Option<String>,
    /// Grants of the same user to the same app, where that is known.
    grants: Option<u64>,
    #[serde(skip)]
    why: Option<&'static str>,
}

impl Line {
    fn of(row: Row, grants: Option<u64>) -> Self {
        let end = row.end;
        Self {
            id: row.key.connection.to_string(),
            tenant: row.key.tenant,
            provider: row.provider.to_string(),
            account: row.profile.account_id,
            account_label: row.profile.account_label,
            user: row.profile.grantor_label.or(row.profile.grantor_id),
            status: row.status.as_str(),
            cause: end.as_ref().map(|end| end.cause.as_str()),
            code: end.as_ref().map(|end| end.code.clone()),
            detail: end.as_ref().and_then(|end| end.detail.clone()),
            since: end.as_ref().map(|end| end.at),
            next: end.as_ref().map(|end| next_step(end.cause)),
            why: end.as_ref().map(|end| cause(end.cause)),
            expires_at: row.expires_at,
            granted_at: row.granted_at,
            key: row.sealed.map(|sealed| sealed.key_id),
            grants,
        }
    }

    /// One of the configuration that nobody connected yet.
    fn missing(connection: &Connection) -> Self {
        Self {
            id: connection.id.to_string(),
            tenant: connection.tenant.clone(),
            provider: connection.crm.key().to_owned(),
            account: None,
            account_label: None,
            user: None,
            status: "missing",
            cause: None,
            code: None,
            detail: None,
            since: None,
            next: Some("connect the account"),
            why: None,
            expires_at: None,
            granted_at: None,
            key: None,
            grants: None,
        }
    }
}

impl Report for Listing {
    fn text(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.connections.is_empty() {
            return writeln!(out, "there are no connections; configure one with auth = \"connected\"");
        }
        let mut table =
            Table::new(["id", "tenant", "provider", "account", "user", "status", "expires", "key"]);
        for line in &self.connections {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            let paint = match line.status {
                "active" => Style::good,
                "dead" => Style::bad,
                _ => Style::warn,
            };
            table.row([
                line.id.clone().into(),
                line.tenant.as_ref().map_or("-", |tenant| tenant.as_str()).into(),
                line.provider.clone().into(),
                or_dash(&line.account).into(),
                or_dash(&line.user).into(),
                crate::output::Cell::painted(line.status, paint(style, line.status)),
                line.expires_at.map_or_else(|| "-".to_owned(), instant).into(),
                or_dash(&line.key).into(),
            ]);
        }
        table.write(out, style)?;
        for line in &self.connections {
            if let (Some(why), Some(since), Some(next)) = (line.why, line.since, line.next) {
                let detail = line.detail.as_ref().or(line.code.as_ref());
                let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
                writeln!(out, "{}: since {}, {why}{detail}; {next}", line.id, instant(since))?;
            }
        }
        Ok(())
    }
}

impl StoreCommand for Connections {
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError> {
        let id = match self.action.unwrap_or(Action::List) {
            Action::List => None,
            Action::Connect(connect) => Some(connect.run(app).await?),
            Action::Reset(named) => {
                let key = key_of(configured(app, &named.id)?);
                app.transact(key.tenant.as_ref(), async |store, tx| store.revive(tx, &key, Utc::now()).await)
                    .await?;
                Some(key)
            }
            Action::Revoke(named) => Some(revoke(app, configured(app, &named.id)?).await?),
            Action::Forget(named) => {
                let key = key_of(configured(app, &named.id)?);
                let tenant = key.tenant.as_ref();
                if !app.transact(tenant, async |store, tx| store.forget(tx, &key).await).await? {
                    return Err(unknown(&named.id));
                }
                Some(key)
            }
        };
        out.show(&list(app, id.as_ref()).await?)?;
        Ok(Exit::Ok)
    }
}

/// A connection of the configuration whose tokens are in the database.
pub(super) fn configured<'a, S: AppStore>(app: &'a App<S>, id: &str) -> Result<&'a Connection, CliError> {
    let known = app.config.connections.iter().find(|connection| connection.id.as_str() == id);
    match known {
        Some(connection) if matches!(connection.auth, Auth::Connected(_)) => Ok(connection),
        Some(_) => {
            let error = CliError::usage(format!("connection `{id}` gets its tokens by the configuration"));
            Err(error.next("set auth = \"connected\" to connect it in a browser"))
        }
        None => Err(CliError::usage(format!("the configuration has no connection `{id}`"))),
    }
}

fn unknown(id: &str) -> CliError {
    CliError::text(format!("connection `{id}` was never connected"))
}

/// Gives the grant back to the provider as well as that goes, and removes the tokens here in any case.
async fn revoke<S: AppStore>(app: &App<S>, connection: &Connection) -> Result<ConnectionKey, CliError> {
    let key = key_of(connection);
    let tokens = VaultTokenStore::builder(app.store().clone(), app.vault()?, connection.crm.key()).build();
    let told = match tokens.load(&key).await {
        Ok(stored) => match stored.and_then(|stored| stored.refresh_token) {
            Some(token) => tell_provider(connection, &token).await,
            None => Ok(()),
        },
        Err(error) => Err(CliError::new(error)),
    };
    if let Err(error) = told {
        let (text, _) = error.parts();
        note(&format!("the provider could not be told ({text}); remove the app's access there by hand"));
    }
    let tenant = key.tenant.as_ref();
    if !app.transact(tenant, async |store, tx| store.revoke(tx, &key, Utc::now()).await).await? {
        return Err(unknown(key.connection.as_str()));
    }
    Ok(key)
}

async fn tell_provider(connection: &Connection, token: &SecretString) -> Result<(), CliError> {
    let Auth::Connected(app) = &connection.auth else { return Ok(()) };
    let (provider, client) = oauth_parts(connection, app)?;
    give_back(&provider, &client, token, Utc::now()).await.map_err(CliError::new)
}

/// Everything that is known, or one connection.
async fn list<S: AppStore>(app: &App<S>, only: Option<&ConnectionKey>) -> Result<Listing, CliError> {
    let mut connections = Vec::new();
    for tenant in app.tenants() {
        let rows = app
            .transact(tenant.as_ref(), async |store, tx| store.connections(tx, tenant.as_ref()).await)
            .await?;
        let is_known = |key: &ConnectionKey| rows.iter().any(|row| row.key == *key);
        for connection in &app.config.connections {
            let is_ours = connection.tenant == tenant && matches!(connection.auth, Auth::Connected(_));
            let key = key_of(connection);
            if is_ours && !is_known(&key) && only.is_none_or(|only| *only == key) {
                connections.push(Line::missing(connection));
            }
        }
        for row in rows {
            if only.is_none_or(|only| *only == row.key) {
                let grants = grants(app, &row).await?;
                connections.push(Line::of(row, grants));
            }
        }
    }
    Ok(Listing { connections })
}

async fn grants<S: AppStore>(app: &App<S>, row: &Row) -> Result<Option<u64>, CliError> {
    let Some(grantor) = row.profile.grantor().filter(|_| row.status != ConnectionStatus::Pending) else {
        return Ok(None);
    };
    let store = &**app.store();
    let mut tx = UnitOfWork::begin_across_tenants(store).await?;
    Ok(Some(store.grants_of(&mut tx, &row.provider, &grantor).await?))
}
