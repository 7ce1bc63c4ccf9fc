//! Where fingerprints of own writes are kept.

use secrecy::ExposeSecret;
use sync_wiring::Fingerprints;
use sync_wiring::redis_loopback::{RedisLoopbackBuilder, RedisLoopbackStore};

use super::AppStore;
use crate::config::{Keep, Loopback, Secret};
use crate::error::CliError;

/// What the configuration says; `None` where they are not wanted.
///
/// # Errors
/// When the address of Redis can't be read, and those of the store.
pub(super) async fn fingerprints<S: AppStore>(
    loopback: &Loopback,
    multi_tenant: bool,
    store: &S,
) -> Result<Option<Fingerprints>, CliError> {
    let Loopback { store: keep, ttl, poll_interval } = loopback;
    Ok(match keep {
        Keep::Off => None,
        Keep::Database => Some(Fingerprints::in_store(*ttl, *poll_interval).map_err(CliError::new)?),
        Keep::Redis(url) => {
            // Another installation on the same server may have a connection of the same name to the same CRM: one's
            // write would be the other's echo.
            let prefix = format!("hexsync:loopback:{}", store.installation().await?);
            let redis = redis(url, loopback)?.prefix(prefix).multi_tenant(multi_tenant);
            Some(Fingerprints::in_redis(redis.build().map_err(CliError::new)?))
        }
    })
}

/// Asks the Redis of the configuration for a sign of life; nothing where it names none.
///
/// # Errors
/// What is wrong with it.
pub(crate) async fn ping(loopback: &Loopback) -> Result<(), CliError> {
    let Keep::Redis(url) = &loopback.store else { return Ok(()) };
    let redis: RedisLoopbackStore = redis(url, loopback)?.build().map_err(CliError::new)?;
    redis.ping().await.map_err(CliError::new)
}

fn redis(url: &Secret, loopback: &Loopback) -> Result<RedisLoopbackBuilder, CliError> {
    let url = url.read("address of Redis for fingerprints")?;
    let builder = RedisLoopbackStore::builder(url.expose_secret());
    Ok(builder.ttl(loopback.ttl).poll_interval(loopback.poll_interval))
}
