//! Passing on the store's signal, also after the connection was lost.

use std::time::Duration;

use sync_core::{Channel, Signal, StoreError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How long to wait before listening again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Wakes the workers of every commit until `ended`.
pub(super) async fn listen(signal: &dyn Signal, woken: &watch::Sender<u64>, ended: &CancellationToken) {
    while let Some(lost) = ended.run_until_cancelled(pass_on(signal, woken)).await {
        if let Err(error) = lost {
            // Workers ask by themselves meanwhile.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "listening for events failed; trying again"
            );
        }
        if ended.run_until_cancelled(tokio::time::sleep(AGAIN_AFTER)).await.is_none() {
            return;
        }
    }
}

async fn pass_on(signal: &dyn Signal, woken: &watch::Sender<u64>) -> Result<(), StoreError> {
    let mut listener = signal.listen(Channel::Outbox).await?;
    loop {
        // Before the first wait as well: something may have been published while nobody listened.
        woken.send_modify(|n| *n = n.wrapping_add(1));
        listener.told().await?;
    }
}
