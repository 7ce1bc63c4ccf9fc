//! One test per case. The lists are checked against the files, so that no case is left out.

/// The suites of every store port and the outbox, for one [`StoreFixture`](crate::contract::StoreFixture).
#[macro_export]
macro_rules! store_contract {
    ($fixture:ty) => {
        $crate::__contract_suite!($fixture, Single, unit_of_work: [
            committed_writes_are_seen,
            rolled_back_writes_are_gone,
            dropped_transaction_is_rolled_back,
            open_transaction_is_not_seen,
            savepoint_undoes_what_came_after,
            released_savepoint_keeps_its_writes,
            savepoints_nest,
            many_savepoints_in_a_row,
            usable_after_a_failed_call,
        ]);
    };
}

/// The suites of table sinks and their listing, for one [`SinkFixture`](crate::contract::SinkFixture).
#[macro_export]
macro_rules! sink_contract {
    ($fixture:ty) => {};
}

/// The suite of change sources, for one [`SourceFixture`](crate::contract::SourceFixture).
#[macro_export]
macro_rules! source_contract {
    ($fixture:ty) => {};
}

/// One module of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __contract_suite {
    ($fixture:ty, $tenancy:ident, $suite:ident: [$($case:ident),* $(,)?]) => {
        mod $suite {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $(
                #[tokio::test]
                async fn $case() {
                    let tenancy = $crate::contract::Tenancy::$tenancy;
                    $crate::contract::run(tenancy, $crate::contract::$suite::$case::<$fixture>).await;
                }
            )*
        }
    };
}
