//! What a scenario does with whoever syncs, be it this engine or the naive poller.

use std::collections::BTreeSet;

use crate::verdict::{Rows, Truth, Verdict, compare};

/// What a run says of itself when it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Everything is in order.
    Well,
    /// It stopped on purpose and goes on next time.
    Paused(String),
    /// It failed, and why.
    Failed(String),
}

/// Somebody who keeps local rows in step with a CRM.
pub(crate) trait Contender: Sized {
    /// The CRM as it is now.
    fn truth(&self) -> Truth;

    /// Lets simulated time pass.
    fn later(&self, seconds: u64);

    /// Follows the changes once, as a scheduler would have it every few minutes.
    async fn run(&mut self) -> Said;

    /// Whatever else it does, as a scheduler would have it every night.
    async fn tend(&mut self) -> Said;

    /// The process is gone, and a new one starts on what was written down.
    async fn restart(&mut self);

    /// The local rows.
    async fn rows(&self) -> Rows;

    /// Records that it says it could not take.
    async fn set_aside(&self) -> BTreeSet<String>;

    /// How much it keeps between runs besides the rows, in bytes.
    async fn state_bytes(&self) -> usize;

    /// Follows the changes once, ten simulated seconds later: what was done so far has settled.
    async fn sync(&mut self) -> Said {
        self.later(10);
        self.run().await
    }

    /// Holds the local rows against the CRM.
    async fn verdict(&self) -> Verdict {
        compare(&self.truth(), &self.rows().await, &self.set_aside().await)
    }
}

/// Makes the tests of scenarios: this engine survives each on every store, and the naive poller fails as expected.
macro_rules! scenarios {
    ($hexsync:ident vs $naive:ident; $($(#[$doc:meta])* $survives:ident, $fails:ident = $story:ident => $kind:ident;)+) => {
        $(
            mod $survives {
                $(#[$doc])*
                #[tokio::test]
                async fn sqlite() {
                    super::$story::<super::$hexsync<sync_sqlite::SqliteStore>>().await.is_clean();
                }

                $(#[$doc])*
                #[tokio::test]
                async fn memory() {
                    super::$story::<super::$hexsync<sync_memory::MemoryStore>>().await.is_clean();
                }
            }

            $(#[$doc])*
            #[tokio::test]
            async fn $fails() {
                $story::<$naive>().await.tells(crate::verdict::Kind::$kind);
            }
        )+
    };
}

pub(crate) use scenarios;
