//! Which subscriptions a command means.

use sync_wiring::core::{Subscription, SubscriptionId, TenantId};
use uuid::Uuid;

use super::{App, AppStore};
use crate::error::CliError;
use crate::generated::Entity;

/// Subscriptions as a command line names them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Selection {
    /// Subscriptions as printed by `hexsync subscriptions list`: the id, its beginning or end if unambiguous, or
    /// CONNECTION/ENTITY.
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Every subscription that is not paused.
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Every subscription of this entity that is not paused. May be given several times.
    #[arg(long, conflicts_with = "ids")]
    pub(crate) entity: Vec<Entity>,
    /// Only those of this connection.
    #[arg(long, value_name = "ID")]
    pub(crate) connection: Option<String>,
}

impl Selection {
    /// Whether the command line names anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && !self.all && self.entity.is_empty() && self.connection.is_none()
    }
}

/// The entity that a subscription fills.
///
/// # Errors
/// When this program does not know it.
pub(crate) fn entity_of(subscription: &Subscription) -> Result<Entity, CliError> {
    Entity::parse(&subscription.domain).ok_or_else(|| {
        CliError::text(format!(
            "subscription {} is of `{}`, which this program does not sync",
            subscription.id, subscription.domain
        ))
    })
}

/// What messages and progress call a subscription: `main/opportunity`.
pub(crate) fn label(subscription: &Subscription) -> String {
    match &subscription.tenant {
        Some(tenant) => format!("{tenant}/{}/{}", subscription.connection, subscription.domain),
        None => format!("{}/{}", subscription.connection, subscription.domain),
    }
}

impl<S: AppStore> App<S> {
    /// The tenants that the command concerns.
    pub(crate) fn tenants(&self) -> Vec<Option<TenantId>> {
        match &self.tenant {
            Some(tenant) => vec![Some(tenant.clone())],
            None => self.config.tenants(),
        }
    }

    /// Every subscription of those tenants, parents first, then by connection.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn subscriptions(&self) -> Result<Vec<Subscription>, CliError> {
        let mut found = Vec::new();
        for tenant in self.tenants() {
            found.extend(
                self.transact(tenant.as_ref(), async |store, tx| {
                    store.subscriptions(tx, tenant.as_ref()).await
                })
                .await?,
            );
        }
        found.sort_by_key(|subscription| {
            (Entity::parse(&subscription.domain), subscription.connection.clone(), subscription.created_at)
        });
        Ok(found)
    }

    /// The subscriptions that a command line selects, parents first. Paused ones only when named by id.
    ///
    /// # Errors
    /// When one that is named does not exist, or when nothing is left.
    pub(crate) async fn select(&self, selection: &Selection) -> Result<Vec<Subscription>, CliError> {
        if selection.is_empty() {
            let error = CliError::usage("no subscription was named");
            return Err(error.next("name some by id, or by --all, --entity or --connection"));
        }
        let all = self.subscriptions().await?;
        let in_connection = |subscription: &Subscription| {
            selection.connection.as_ref().is_none_or(|id| subscription.connection.as_str() == id)
        };
        if !selection.ids.is_empty() {
            let mut chosen: Vec<Subscription> = Vec::new();
            for id in &selection.ids {
                let subscription = by_id(&all, id)?;
                if !chosen.iter().any(|other| other.id == subscription.id) {
                    chosen.push(subscription.clone());
                }
            }
            chosen.retain(in_connection);
            chosen.sort_by_key(|subscription| Entity::parse(&subscription.domain));
            return Ok(chosen);
        }
        let of_entity = |subscription: &Subscription| {
            selection.entity.is_empty()
                || selection.entity.iter().any(|entity| entity.name() == subscription.domain)
        };
        let (paused, chosen): (Vec<_>, Vec<_>) = all
            .into_iter()
            .filter(|subscription| in_connection(subscription) && of_entity(subscription))
            .partition(|subscription| subscription.paused);
        for subscription in &paused {
            crate::output::note(&format!("{}: paused, left out", label(subscription)));
        }
        if chosen.is_empty() {
            let error = CliError::text(if paused.is_empty() {
                "there is no such subscription"
            } else {
                "all of these subscriptions are paused"
            });
            let next = if paused.is_empty() { "add" } else { "resume" };
            return Err(error.next(format!("run `hexsync subscriptions {next}`")));
        }
        Ok(chosen)
    }
}

/// One of `all` by its id, the beginning or the end of it, or its label.
pub(crate) fn by_id<'a>(all: &'a [Subscription], id: &str) -> Result<&'a Subscription, CliError> {
    if let Ok(id) = Uuid::parse_str(id)
        && let Some(found) = all.iter().find(|subscription| subscription.id == SubscriptionId(id))
    {
        return Ok(found);
    }
    if let Some(found) = all.iter().find(|subscription| label(subscription) == id) {
        return Ok(found);
    }
    let fits = |subscription: &&Subscription| {
        let whole = subscription.id.to_string();
        id.len() >= 4 && (whole.starts_with(id) || whole.ends_with(id))
    };
    let fits: Vec<&Subscription> = all.iter().filter(fits).collect();
    match fits.as_slice() {
        [one] => Ok(one),
        [] => {
            Err(CliError::text(format!("there is no subscription {id}"))
                .next("see `hexsync subscriptions list`"))
        }
        several => Err(CliError::usage(format!("{id} fits {} subscriptions", several.len()))
            .next("write more of the id")),
    }
}
