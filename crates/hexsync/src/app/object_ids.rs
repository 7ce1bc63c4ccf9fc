//! What HubSpot calls a customer's own objects in its calls: by an id that is another one in every account.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sync_wiring::core::{ConnectionId, Subscription};

use super::{App, AppStore, Client, entity_of};
use crate::crm::Crm;
use crate::error::CliError;

/// When an account that has no such object is asked again.
const AFTER_NONE: Duration = Duration::from_secs(600);
/// When an account that did not answer is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// An object of a connection, as an entity spells it.
pub(super) type Object = (ConnectionId, &'static str);

/// The ids that are known.
pub(super) struct ObjectIds<S: AppStore> {
    app: App<S>,
    known: Mutex<HashMap<Object, Answer>>,
    /// One asks at a time.
    turn: tokio::sync::Mutex<()>,
}

enum Answer {
    Id(String),
    NotBefore(Instant),
}

impl<S: AppStore> ObjectIds<S> {
    pub(super) fn new(app: App<S>) -> Self {
        Self { app, known: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }

    /// The id of a custom object, where it is known by now.
    pub(super) fn id(&self, connection: &ConnectionId, object: &'static str) -> Option<String> {
        match self.known().get(&(connection.clone(), object)) {
            Some(Answer::Id(id)) => Some(id.clone()),
            _ => None,
        }
    }

    /// The objects of these subscriptions that have to be asked for.
    pub(super) fn missing(&self, subscriptions: &[Subscription]) -> HashSet<Object> {
        let known = self.known();
        let is_missing = |object: &Object| match known.get(object) {
            None => true,
            Some(Answer::NotBefore(at)) => *at <= Instant::now(),
            Some(Answer::Id(_)) => false,
        };
        let objects = subscriptions.iter().filter_map(|subscription| self.object_of(subscription));
        objects.filter(is_missing).collect()
    }

    /// Asks for these, unless somebody does so already.
    pub(super) async fn learn(&self, objects: HashSet<Object>) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        for object in objects {
            let answer = match self.ask(&object).await {
                Ok(answer) => answer,
                Err(error) => {
                    let (connection, name) = (&object.0, object.1);
                    tracing::warn!(%connection, object = name, %error, "the id of an object can't be told");
                    Answer::NotBefore(Instant::now() + AFTER_FAILURE)
                }
            };
            self.known().insert(object, answer);
        }
    }

    fn object_of(&self, subscription: &Subscription) -> Option<Object> {
        let connection = self.app.config.connection(&subscription.connection)?;
        let mapped = connection.crm.mapped(entity_of(subscription).ok()?).ok()?;
        (connection.crm == Crm::Hubspot).then(|| (connection.id.clone(), mapped.object))
    }

    async fn ask(&self, (connection, name): &Object) -> Result<Answer, CliError> {
        let id = match self.app.client(connection).await? {
            Client::Hubspot(crm) => crm.custom_object_id(name).await.map_err(CliError::new)?,
            Client::Salesforce(_) => None,
        };
        // Of HubSpot's own, none is asked for; one that a customer has not made yet may come.
        Ok(id.map_or_else(|| Answer::NotBefore(Instant::now() + AFTER_NONE), Answer::Id))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Object, Answer>> {
        // Entries are replaced whole, so a poisoned lock is as good as any.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
