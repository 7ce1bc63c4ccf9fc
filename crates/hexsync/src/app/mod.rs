//! What commands work with: the configuration, an open store, and the connections' clients.

mod client;
mod connected;
mod connection;
mod drain;
mod feed;
mod fields;
mod fingerprints;
mod grant;
mod object_ids;
mod outbound;
mod select;
mod store;

use std::collections::HashMap;
use std::sync::Arc;

use sync_wiring::core::{
    Canonical, ConnectionId, LocalEditor, NoopPolicy, Provider, Scope, StoreError, Subscription, TenantId,
    UnitOfWork, UserId,
};
use sync_wiring::{EntityStore, SyncModule};
use tokio::sync::Mutex;

use crate::config::{Auth, Config, DatabaseKind};
use crate::error::CliError;
use crate::exit::Exit;
use crate::generated::Entity;
use crate::output::Out;

use fingerprints::fingerprints;

pub(crate) use client::Client;
pub(crate) use connected::{cause, key_of, oauth_app, oauth_parts};
pub(crate) use connection::client;
pub(crate) use drain::{Accounts, Feeds};
pub(crate) use feed::{Feed, Order, Reading, feed};
pub(crate) use fingerprints::ping;
pub(crate) use outbound::Outbound;
pub(crate) use select::{Selection, by_id, entity_of, label};
pub(crate) use store::AppStore;

/// An open installation on one store. Clones are the same installation.
pub(crate) struct App<S: AppStore> {
    /// What it was told.
    pub(crate) config: Arc<Config>,
    /// The tenant that the command line names.
    pub(crate) tenant: Option<TenantId>,
    module: SyncModule<S>,
    clients: Arc<Mutex<HashMap<ConnectionId, Client>>>,
}

impl<S: AppStore> Clone for App<S> {
    fn clone(&self) -> Self {
        Self {
            config: Arc::clone(&self.config),
            tenant: self.tenant.clone(),
            module: self.module.clone(),
            clients: Arc::clone(&self.clients),
        }
    }
}

impl<S: AppStore> App<S> {
    /// An installation on a store that is open already.
    ///
    /// # Errors
    /// When the parts don't make a whole.
    pub(crate) async fn new(
        config: Config,
        tenant: Option<TenantId>,
        store: S,
        opening: Opening,
    ) -> Result<Self, CliError> {
        let fingerprints = match opening {
            Opening::Ready => fingerprints(&config.loopback, config.engine.multi_tenant, &store).await?,
            // There may be no tables yet; nothing is written either.
            Opening::AsIs => None,
        };
        let module = SyncModule::builder()
            .store(store)
            .options(config.engine.clone())
            .publish(config.events.publish)
            .multi_tenant(config.engine.multi_tenant);
        let module = match fingerprints {
            Some(kept) => module.fingerprints(kept),
            None => module,
        };
        let module = module.build()?;
        Ok(Self { config: Arc::new(config), tenant, module, clients: Arc::default() })
    }

    /// The store.
    pub(crate) fn store(&self) -> &Arc<S> {
        self.module.store()
    }

    /// Does `work` in one transaction for a tenant's rows, which is committed if it succeeds.
    ///
    /// # Errors
    /// Those of the store and of `work`; then nothing was done.
    pub(crate) async fn transact<R>(
        &self,
        tenant: Option<&TenantId>,
        work: impl AsyncFnOnce(&S, &mut S::Tx) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let store: &S = self.store();
        let mut tx = UnitOfWork::begin_for(store, tenant).await?;
        let result = work(store, &mut tx).await?;
        UnitOfWork::commit(store, tx).await?;
        Ok(result)
    }

    /// Whose rows a subscription's are.
    pub(crate) fn scope(&self, subscription: &Subscription, entity: Entity) -> Scope {
        Scope {
            tenant: subscription.tenant.clone(),
            connection: subscription.connection.clone(),
            subscription: subscription.id,
            entity: entity.name(),
            provider: Provider::from(self.provider(subscription)),
            user: UserId::from("system"),
        }
    }

    /// Which CRM fills a subscription: its connection's, or where that is gone from the configuration, the one
    /// that its adapter polls.
    fn provider<'a>(&self, subscription: &'a Subscription) -> &'a str {
        let known = self.config.connection(&subscription.connection).map(|connection| connection.crm.key());
        let adapter = &subscription.adapter;
        known.unwrap_or_else(|| adapter.strip_suffix("-poll").unwrap_or(adapter))
    }

    /// The client of a connection, made when first asked for.
    ///
    /// # Errors
    /// When the configuration lacks the connection, or a secret is not where it says.
    pub(crate) async fn client(&self, id: &ConnectionId) -> Result<Client, CliError> {
        let mut clients = self.clients.lock().await;
        if let Some(client) = clients.get(id) {
            return Ok(client.clone());
        }
        let connection = self.config.connection(id).ok_or_else(|| {
            CliError::usage(format!("the subscription's connection `{id}` is not in the configuration"))
                .next(format!("add it to {}, or pause the subscription", self.config.path.display()))
        })?;
        let client = match &connection.auth {
            Auth::Connected(app) => {
                connection::client_with(connection, self.shared_tokens(connection, app)?)?
            }
            _ => client(connection)?,
        };
        clients.insert(id.clone(), client.clone());
        Ok(client)
    }

    /// What carries out the runs of an entity of a connection. `noops` replaces the configuration's choice.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub(crate) async fn feed(
        &self,
        connection: &ConnectionId,
        entity: Entity,
        noops: Option<NoopPolicy>,
    ) -> Result<Box<dyn Feed>, CliError> {
        let client = self.client(connection).await?;
        let module = match noops {
            Some(noops) => self.module.with_options(|options| options.noops = noops),
            None => self.module.clone(),
        };
        feed::feed(&module, &client, entity)
    }
}

impl<S: AppStore> App<S> {
    /// What sends changes of an entity of a connection; `None` for an entity that only comes from the CRM.
    ///
    /// # Errors
    /// As [`client`](Self::client).
    pub(crate) async fn outbound(
        &self,
        connection: &ConnectionId,
        entity: Entity,
    ) -> Result<Option<Box<dyn Outbound>>, CliError> {
        let client = self.client(connection).await?;
        outbound::outbound(&self.module, &client, entity)
    }

    /// Changes rows as an application would.
    pub(crate) fn editor<T: Canonical>(&self) -> LocalEditor<T, S>
    where
        S: EntityStore<T>,
    {
        self.module.editor()
    }
}

/// A command that works on an installation.
pub(crate) trait StoreCommand {
    /// How far the store has to be for it.
    const OPENING: Opening = Opening::Ready;

    /// Carries it out.
    async fn run<S: AppStore>(self, app: &App<S>, out: &mut Out<'_>) -> Result<Exit, CliError>;
}

/// How far a store has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// With the tables of this release.
    Ready,
    /// As it is; a missing file is created.
    AsIs,
}

/// Opens the store that the configuration names, and carries out a command on it. The one place that knows
/// which stores there are.
///
/// # Errors
/// When the store can't be opened, and those of the command.
pub(crate) async fn with_store<C: StoreCommand>(
    config: Config,
    tenant: Option<TenantId>,
    command: C,
    out: &mut Out<'_>,
) -> Result<Exit, CliError> {
    match config.database.kind()? {
        DatabaseKind::Sqlite(path) => {
            let store = store::open_sqlite(&config, &path, C::OPENING).await?;
            command.run(&App::new(config, tenant, store, C::OPENING).await?, out).await
        }
        DatabaseKind::Postgres(url) => {
            let store = store::open_postgres(&config, &url, C::OPENING).await?;
            command.run(&App::new(config, tenant, store, C::OPENING).await?, out).await
        }
    }
}
