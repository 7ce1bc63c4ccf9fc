//! What became of calls and events, by count.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What became of calls and events since the start, by count. Shared by the parts of a receiver.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(pub(crate) $name: AtomicU64,)+
        }

        /// The counts at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct Seen {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// The counts now.
            #[must_use]
            pub fn seen(&self) -> Seen {
                Seen { $($name: self.$name.load(Ordering::Relaxed),)+ }
            }
        }
    };
}

counters! {
    /// Calls that were acknowledged.
    calls_accepted,
    /// Calls that were refused: unverified, too large, malformed.
    calls_refused,
    /// Calls that were put off, because too much was in hand or the store was away.
    calls_put_off,
    /// Events of accepted calls. One for several subscriptions counts once.
    events,
    /// Events for an account that nobody here has connected.
    events_of_unknown_accounts,
    /// Events about objects that are not synced, or of a kind that says nothing of a record.
    events_without_recipients,
    /// Events that could not be read.
    events_malformed,
    /// Notices that were staged for the first time.
    notices_staged,
    /// Notices that had been staged before.
    notices_repeated,
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}
