//! The first screen: both tenants connect their account through OAuth in a browser.

use std::time::Instant;

use serde::Serialize;
use sync_wiring::auth::{ExposeSecret, TokenStore, VaultTokenStore};
use sync_wiring::core::{Connection as Row, ConnectionKey, ConnectionStatus};

use super::browser::Browser;
use super::cast::Cast;
use super::screen::{Screen, ms};
use super::tenants::Walls;
use super::{PLAYERS, Player};
use crate::app::key_of;
use crate::cli::connect::{Door, granted_at, wait};
use crate::config::{Auth, ConnectedApp, Connection};
use crate::error::CliError;
use crate::output::note;

/// Bytes of a sealed token that are shown.
const SHOWN: usize = 12;

/// What is told of one account.
#[derive(Serialize)]
struct Connected {
    id: String,
    tenant: &'static str,
    provider: &'static str,
    account: Option<String>,
    user: Option<String>,
    status: &'static str,
    key: Option<String>,
    sealed_bytes: usize,
    sealed_begins: String,
    took_ms: u64,
    /// How the second use of the same callback was answered.
    second_callback: Option<u16>,
}

/// A visit to the pages, from the first to the last.
struct Visited {
    pages: Vec<String>,
    callback: String,
    /// As the browser was before it came back.
    before: Browser,
}

/// Connects both.
///
/// # Errors
/// When the pages can't be served, or nobody grants access.
pub(super) async fn show<S: Walls>(cast: &mut Cast<S>, by_hand: bool) -> Result<Screen, CliError> {
    let mut screen = Screen::new(1, "Connect");
    let listeners = std::mem::take(&mut cast.pages);
    let mut told = Vec::new();
    for (player, listener) in PLAYERS.into_iter().zip(listeners) {
        let (connection, oauth) = configured(cast, player)?;
        let key = key_of(connection);
        let door = Door::open(&cast.app, connection, oauth, listener)?;
        let began = Instant::now();
        let visited = if by_hand {
            let before = granted_at(&cast.app, &key).await?;
            note(&format!("{}: open in a browser and grant access: {}", player.tenant, door.start));
            wait(&cast.app, &key, before).await?;
            None
        } else {
            Some(visit(&door.start).await?)
        };
        let took_ms = ms(began);
        let row = row(cast, &key).await?;
        let second = match visited {
            Some(visited) => Some(again(cast, &key, visited, &mut screen).await?),
            None => None,
        };
        door.close().await;
        sealed(cast, player, &key, &row, &mut screen).await?;
        told.push(Connected::of(player, row, took_ms, second));
    }
    for line in &told {
        line.say(&mut screen);
    }
    let active = told.iter().all(|line| line.status == ConnectionStatus::Active.as_str());
    screen.expect("connected", active, "both accounts are connected, each as its tenant's");
    screen.fact("connections", &told)?;
    Ok(screen)
}

fn configured<S: Walls>(cast: &Cast<S>, player: Player) -> Result<(&Connection, &ConnectedApp), CliError> {
    let mut all = cast.app.config.connections.iter();
    let connection = all.find(|connection| connection.id.as_str() == player.tenant);
    match connection.map(|connection| (connection, &connection.auth)) {
        Some((connection, Auth::Connected(oauth))) => Ok((connection, oauth)),
        _ => Err(CliError::text(format!("{} has no account to connect", player.tenant))),
    }
}

/// Everything a person would do: continue, allow, come back.
async fn visit(start: &str) -> Result<Visited, CliError> {
    let mut browser = Browser::new()?;
    let ours = browser.visit(start).await?;
    let consent = browser.press(&ours, &[]).await?;
    let user = consent.first_option().unwrap_or_default();
    let before = browser.clone();
    let last = browser.press(&consent, &[("user", &user), ("decision", "allow")]).await?;
    let callback = browser.trail.iter().find(|url| url.path().ends_with("/callback"));
    let Some(callback) = callback.map(ToString::to_string) else {
        let stuck = format!("the browser got stuck at a page called `{}` ({})", last.title(), last.status);
        return Err(CliError::text(stuck));
    };
    Ok(Visited { pages: [ours, consent, last].map(|page| page.title()).to_vec(), callback, before })
}

/// The same callback once more, by the same browser: it must lead nowhere.
async fn again<S: Walls>(
    cast: &Cast<S>,
    key: &ConnectionKey,
    mut visited: Visited,
    screen: &mut Screen,
) -> Result<u16, CliError> {
    screen.say(format!("{}: {}", key.connection, visited.pages.join(" -> ")));
    let granted = granted_at(&cast.app, key).await?;
    let page = visited.before.visit(&visited.callback).await?;
    let same = granted_at(&cast.app, key).await? == granted;
    let refused = (400..500).contains(&page.status);
    let found =
        format!("{}: the way back works once; the second time it answers {}", key.connection, page.status);
    screen.expect("single_use", refused && same, found);
    Ok(page.status)
}

async fn row<S: Walls>(cast: &Cast<S>, key: &ConnectionKey) -> Result<Row, CliError> {
    let tenant = key.tenant.as_ref();
    let row = cast.app.transact(tenant, async |store, tx| store.connection(tx, key).await).await?;
    row.ok_or_else(|| CliError::text(format!("nothing was stored of the connection {}", key.connection)))
}

/// The tokens that the flow got are not to be found in what is stored.
async fn sealed<S: Walls>(
    cast: &Cast<S>,
    player: Player,
    key: &ConnectionKey,
    row: &Row,
    screen: &mut Screen,
) -> Result<(), CliError> {
    let vault =
        VaultTokenStore::builder(cast.app.store().clone(), cast.app.vault()?, player.crm.key()).build();
    let stored = vault.load(key).await.map_err(CliError::new)?;
    let tokens = stored
        .into_iter()
        .flat_map(|stored| [stored.access.map(|access| access.secret), stored.refresh_token]);
    let tokens: Vec<_> = tokens.flatten().collect();
    let mut stored = S::written()?;
    stored.push(row.sealed.as_ref().map(|sealed| sealed.bytes.clone()).unwrap_or_default());
    let contains =
        |bytes: &[u8], token: &str| bytes.windows(token.len()).any(|part| part == token.as_bytes());
    let in_clear =
        tokens.iter().filter(|token| stored.iter().any(|bytes| contains(bytes, token.expose_secret())));
    let mut problems = Vec::new();
    if in_clear.count() > 0 {
        problems.push("a token stands in the database as it is".to_owned());
    }
    if tokens.is_empty() {
        problems.push("no token could be opened again".to_owned());
    }
    let found = format!(
        "{}: {} tokens are sealed; none is to be found in {}",
        key.connection,
        tokens.len(),
        S::SEARCHED
    );
    screen.check("sealed", found, problems);
    Ok(())
}

impl Connected {
    fn of(player: Player, row: Row, took_ms: u64, second_callback: Option<u16>) -> Self {
        let sealed = row.sealed;
        let bytes = sealed.as_ref().map(|sealed| sealed.bytes.as_slice()).unwrap_or_default();
        let sealed_begins = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
        Self {
            id: row.key.connection.to_string(),
            tenant: player.tenant,
            provider: player.crm.key(),
            account: row.profile.account_id,
            user: row.profile.grantor_label.or(row.profile.grantor_id),
            status: row.status.as_str(),
            sealed_bytes: bytes.len(),
            sealed_begins,
            key: sealed.map(|sealed| sealed.key_id),
            took_ms,
            second_callback,
        }
    }

    fn say(&self, screen: &mut Screen) {
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        screen.say(format!(
            "{}: {} account {} granted by {} in {} ms; tokens {}… ({} bytes, key `{}`)",
            self.id,
            self.provider,
            or_none(&self.account),
            or_none(&self.user),
            self.took_ms,
            self.sealed_begins,
            self.sealed_bytes,
            or_none(&self.key),
        ));
    }
}
