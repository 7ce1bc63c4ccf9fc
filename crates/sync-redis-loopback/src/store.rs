//! One key per record, with the hash of what we wrote last.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::ConnectionManager;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError};
use sync_core::{
    Canonical, Change, Coverage, ExternalId, Fingerprint, LoopbackError, LoopbackFingerprintStore, Payload,
    Scope, WriteRecorder,
};

use crate::RedisLoopbackBuilder;
use crate::config::Config;
use crate::error::RedisFailure;

/// Fingerprints of our own writes in Redis (R6). Clones share their connection.
///
/// It knows the record last written, for its time to live or until another change of that record was let through,
/// whichever comes first.
#[derive(Clone)]
pub struct RedisLoopbackStore(Arc<Inner>);

struct Inner {
    config: Config,
    /// Made by the first call, and again by the first call after it was given up.
    connection: Mutex<Option<ConnectionManager>>,
}

impl RedisLoopbackStore {
    /// Settings for the server at this url: `redis://user:password@host:port/database`, or `rediss://` for TLS.
    pub fn builder(url: impl Into<String>) -> RedisLoopbackBuilder {
        RedisLoopbackBuilder::new(url)
    }

    pub(crate) fn new(config: Config) -> Self {
        Self(Arc::new(Inner { config, connection: Mutex::new(None) }))
    }

    /// Notes what is about to be written to the CRM, each record as a whole: what the CRM will hold once the write
    /// is through. Call it when the local rows hold these values, and before the write is sent, or the echo may be
    /// faster. Of two writes of a record the later counts. One round trip, however many there are.
    ///
    /// # Errors
    /// [`LoopbackError`] with a [`RedisFailure`] when Redis can't keep them. The write may go on: its echo is then
    /// applied and changes nothing.
    #[tracing::instrument(name = "redis.loopback.record", skip_all, fields(entity = scope.entity, n_records = writes.len()))]
    pub async fn record<T: Canonical>(
        &self,
        scope: &Scope,
        writes: &[(ExternalId, &T)],
    ) -> Result<(), LoopbackError> {
        let inner = &*self.0;
        scope.require_tenant(inner.config.multi_tenant).map_err(RedisFailure::from)?;
        if writes.is_empty() {
            return Ok(());
        }
        let keys = Keys::new(&inner.config.prefix, scope);
        let mut pipeline = Pipeline::with_capacity(writes.len());
        for (id, record) in writes {
            let hash = hash(*record);
            let set = pipeline.cmd("SET").arg(keys.of(id)).arg(hash.as_bytes().as_slice());
            set.arg("PX").arg(inner.config.ttl_ms).ignore();
        }
        inner.bounded("recording writes", inner.run(Request::Pipeline(&pipeline))).await
    }

    /// Asks whether the server is there and lets us in.
    ///
    /// # Errors
    /// [`LoopbackError`] with a [`RedisFailure`] that says what is wrong.
    pub async fn ping(&self) -> Result<(), LoopbackError> {
        self.0.bounded("asking for a sign of life", self.0.run(Request::Command(&redis::cmd("PING")))).await
    }
}

#[async_trait]
impl<T: Canonical> LoopbackFingerprintStore<T> for RedisLoopbackStore {
    #[tracing::instrument(name = "redis.loopback.ask", skip_all, fields(entity = scope.entity, n_records = changes.len()))]
    async fn are_echoes(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, LoopbackError> {
        let inner = &*self.0;
        scope.require_tenant(inner.config.multi_tenant).map_err(RedisFailure::from)?;
        if changes.is_empty() {
            return Ok(Vec::new());
        }
        inner.bounded("looking for echoes", inner.ask(scope, changes)).await
    }
}

#[async_trait]
impl<T: Canonical, Tx: Send + Sync + 'static> WriteRecorder<T, Tx> for RedisLoopbackStore {
    async fn record_writes(
        &self,
        _tx: &mut Tx,
        scope: &Scope,
        writes: &[(ExternalId, T)],
    ) -> Result<(), LoopbackError> {
        let writes: Vec<(ExternalId, &T)> = writes.iter().map(|(id, record)| (id.clone(), record)).collect();
        self.record(scope, &writes).await
    }
}

impl Inner {
    /// Reads what is known of the records, answers, and forgets those that others have changed.
    async fn ask<T: Canonical>(&self, scope: &Scope, changes: &[Change<T>]) -> Result<Vec<bool>, RedisError> {
        let keys = Keys::new(&self.config.prefix, scope);
        let mut get = redis::cmd("MGET");
        for change in changes {
            get.arg(keys.of(&change.external_id));
        }
        let found: Vec<Option<Vec<u8>>> = self.run(Request::Command(&get)).await?;
        let mut known: HashMap<&ExternalId, Vec<u8>> = HashMap::new();
        for (change, hash) in changes.iter().zip(found) {
            known.extend(hash.map(|hash| (&change.external_id, hash)));
        }
        let mut forget = redis::cmd("UNLINK");
        let mut forgotten = false;
        let answer = |change: &Change<T>| {
            let Some(written) = known.get(&change.external_id) else { return false };
            let echo = says(&change.payload, written);
            if !echo {
                known.remove(&change.external_id);
                forget.arg(keys.of(&change.external_id));
                forgotten = true;
            }
            echo
        };
        let echoes = changes.iter().map(answer).collect();
        // Before the answer: what is let through may change the row, and must not be hidden by an old write. A write
        // recorded in between is forgotten with it, which costs a noop.
        if forgotten {
            self.run::<()>(Request::Command(&forget)).await?;
        }
        Ok(echoes)
    }

    /// Sends one request. A connection that turns out to be dead is replaced, once: what is sent may be sent twice.
    async fn run<R: FromRedisValue>(&self, request: Request<'_>) -> Result<R, RedisError> {
        let (mut connection, is_new) = self.connection()?;
        let result = request.send(&mut connection).await;
        match result {
            Err(error) if is_new || !error.is_io_error() || error.is_timeout() => {
                if error.is_io_error() {
                    self.give_up();
                }
                Err(error)
            }
            Err(_) => {
                self.give_up();
                request.send(&mut self.connection()?.0).await
            }
            answer => answer,
        }
    }

    /// The connection, and whether it is a new one. Nothing waits here: it connects when it is used.
    fn connection(&self) -> Result<(ConnectionManager, bool), RedisError> {
        let mut slot = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = &*slot {
            return Ok((connection.clone(), false));
        }
        let (client, config) = (self.config.client.clone(), self.config.manager.clone());
        let connection = ConnectionManager::new_lazy_with_config(client, config)?;
        *slot = Some(connection.clone());
        Ok((connection, true))
    }

    /// Lets go of a connection that does not answer. It may look open for many minutes when packets vanish.
    fn give_up(&self) {
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Holds a call to its limit, and puts its error into our words.
    async fn bounded<R>(
        &self,
        during: &'static str,
        call: impl Future<Output = Result<R, RedisError>> + Send,
    ) -> Result<R, LoopbackError> {
        let (address, limit) = (&self.config.address, self.config.limit);
        let failure = match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) if !error.is_timeout() => RedisFailure::new(address, during, &error),
            _ => {
                self.give_up();
                RedisFailure::Slow { address: address.clone(), during, limit }
            }
        };
        Err(failure.into())
    }
}

impl fmt::Debug for RedisLoopbackStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.0.config;
        f.debug_struct("RedisLoopbackStore")
            .field("address", &config.address)
            .field("prefix", &config.prefix)
            .field("ttl", &Duration::from_millis(config.ttl_ms))
            .field("limit", &config.limit)
            .field("multi_tenant", &config.multi_tenant)
            .finish_non_exhaustive()
    }
}

/// What is sent in one round trip.
enum Request<'a> {
    Command(&'a Cmd),
    Pipeline(&'a Pipeline),
}

impl Request<'_> {
    async fn send<R: FromRedisValue>(&self, connection: &mut ConnectionManager) -> Result<R, RedisError> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Pipeline(pipeline) => pipeline.query_async(connection).await,
        }
    }
}

/// The keys of one scope: `prefix:tenant:connection:entity:external id`.
struct Keys(String);

impl Keys {
    fn new(prefix: &str, scope: &Scope) -> Self {
        let mut start = prefix.to_owned();
        for part in [scope.tenant_key(), scope.connection.as_str(), scope.entity] {
            start.push(':');
            // So that no part runs into the next.
            start.push_str(&part.replace('%', "%25").replace(':', "%3A"));
        }
        start.push(':');
        Self(start)
    }

    /// The id comes last, so it needs no escaping.
    fn of(&self, id: &ExternalId) -> String {
        format!("{}{id}", self.0)
    }
}

/// Whether a change says the whole of what we wrote.
fn says<T: Canonical>(payload: &Payload<T>, written: &[u8]) -> bool {
    match payload {
        Payload::Upsert(record) if record.coverage == Coverage::Full => {
            hash(&record.value).as_bytes().as_slice() == written
        }
        _ => false,
    }
}

fn hash<T: Canonical>(record: &T) -> blake3::Hash {
    blake3::hash(Fingerprint::of(record).as_str().as_bytes())
}
