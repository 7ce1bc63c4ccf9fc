//! What other processes staged, as the store tells it.

use std::sync::Arc;
use std::time::Duration;

use sync_core::{Channel, Signal, StoreError};

use crate::Wake;

/// How long to wait before listening again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Wakes the loop of every commit that staged something, for ever.
pub(super) async fn listen(signal: Arc<dyn Signal>, wake: Arc<Wake>) {
    loop {
        if let Err(error) = pass_on(&*signal, &wake).await {
            // The loop asks by itself meanwhile.
            let error = sync_core::error_chain(&error);
            tracing::warn!(%error, "listening for notices failed; trying again");
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn pass_on(signal: &dyn Signal, wake: &Wake) -> Result<(), StoreError> {
    let mut listener = signal.listen(Channel::Inbox).await?;
    // Something may have been staged while nobody listened.
    wake.somewhere();
    loop {
        match listener.told().await? {
            Some(subscription) => wake.staged([subscription]),
            None => wake.somewhere(),
        }
    }
}
