//! Running one story on several stores.

/// Makes a test of each line for each named store, from an async function that is generic over the store.
///
/// ```ignore
/// on_stores! { [memory, sqlite, postgres]
///     /// R12: one sentence.
///     #[tokio::test]
///     async fn stale_holder_commits_nothing() = stale_holder;
/// }
/// ```
#[macro_export]
macro_rules! on_stores {
    ($stores:tt $($(#[$meta:meta])* async fn $name:ident() = $story:ident;)+) => {
        $($crate::on_stores!(@story $stores $(#[$meta])* $name $story);)+
    };
    (@story [$($store:ident),+] $(#[$meta:meta])* $name:ident $story:ident) => {
        mod $name {
            $crate::on_stores!(@each [$($store),+] {$(#[$meta])*} $story);
        }
    };
    (@each [] $meta:tt $story:ident) => {};
    (@each [$store:ident $(, $rest:ident)*] $meta:tt $story:ident) => {
        $crate::on_stores!(@test $meta $store $story);
        $crate::on_stores!(@each [$($rest),*] $meta $story);
    };
    (@test {$(#[$meta:meta])*} $store:ident $story:ident) => {
        $(#[$meta])*
        async fn $store() {
            super::$story::<$crate::on_stores!(@type $store)>().await;
        }
    };
    (@type memory) => { $crate::sync_memory::MemoryStore };
    (@type sqlite) => { $crate::sync_sqlite::SqliteStore };
    (@type postgres) => { $crate::sync_postgres::PgStore };
}
