//! Tenants, kept apart below the queries by row-level security (migration `0015_tenant_isolation.sql`).
//!
//! The statements that open a transaction also say whose rows it is for: one round trip, as without tenants. What
//! can fail comes before `begin`, so that a failure leaves the connection outside of a transaction.

use std::fmt::Write as _;

use sqlx::postgres::PgPool;
use sync_core::{BoxError, StoreError, TenantId};

use crate::error::{server_code, store_error};
use crate::table::quoted;

/// The role that transactions step down to unless told otherwise.
pub(crate) const DEFAULT_ROLE: &str = "hexsync_app";

const SETTING_UP: &str = "telling tenants apart";

/// Why tenants can't be told apart, and what to do.
#[derive(Debug, thiserror::Error)]
enum TenantError {
    #[error(
        "the login may not make the role {role}; let an administrator run `create role {role} nologin; \
         grant {role} to LOGIN`, or connect as a login that row-level security binds and set `tenant_role(None)`"
    )]
    NoRole {
        role: String,
        #[source]
        source: BoxError,
    },
    #[error(
        "the login may not use the role {role}; run `hexsync migrate`, or let an administrator run \
         `grant {role} to LOGIN`"
    )]
    NotGranted {
        role: String,
        #[source]
        source: BoxError,
    },
    #[error(
        "row-level security does not bind the login: it is a superuser or has BYPASSRLS, or the tables are not \
         isolated yet; set a `tenant_role` to step down to, connect as another login, or run `hexsync migrate`"
    )]
    Unbound,
    #[error("the tables do not tell tenants apart yet; run `hexsync migrate` with multi_tenant on")]
    NotIsolated,
    #[error("the tables tell tenants apart; set multi_tenant = true, or use another database")]
    Isolated,
    #[error("a tenant id that holds a NUL can't be kept")]
    Nul,
}

/// How this store's transactions are confined.
#[derive(Clone, Debug)]
pub(crate) struct Confinement {
    role: Option<String>,
}

impl Confinement {
    pub(crate) fn new(role: Option<String>) -> Self {
        Self { role }
    }

    /// Opens a transaction for one tenant's rows; `None`: for nobody's.
    pub(crate) fn begin_for(&self, tenant: Option<&TenantId>) -> Result<String, StoreError> {
        let Some(tenant) = tenant else { return Ok(self.begin("hexsync_confine(null)")) };
        if tenant.as_str().contains('\0') {
            return Err(refused(TenantError::Nul));
        }
        // A statement that opens a transaction takes no parameters; in hexadecimal there is nothing to escape.
        let mut hex = String::with_capacity(2 * tenant.as_str().len());
        for byte in tenant.as_str().bytes() {
            let _ = write!(hex, "{byte:02x}");
        }
        Ok(self.begin(&format!("hexsync_confine(convert_from(decode('{hex}', 'hex'), 'UTF8'))")))
    }

    /// Opens a transaction for the rows of all tenants.
    pub(crate) fn begin_across(&self) -> String {
        self.begin("hexsync_across_tenants()")
    }

    fn begin(&self, call: &str) -> String {
        let role = self
            .role
            .as_deref()
            .map_or_else(String::new, |role| format!("set local role {}; ", quoted(role)));
        // The function asks the catalogue, so the level has to be chosen before.
        format!("set transaction isolation level read committed; {role}select {call}; begin")
    }

    /// The error of a transaction that could not be opened.
    pub(crate) fn begin_error(&self, error: sqlx::Error) -> StoreError {
        const DURING: &str = "opening a transaction";
        match (server_code(&error).as_deref(), &self.role) {
            // `row-level security does not bind …`, and a function that is not there before the first migration.
            (Some("HX001" | "42883"), _) => refused(TenantError::Unbound),
            (Some("22023" | "42501"), Some(role)) => {
                let source = store_error(DURING)(error).into();
                refused(TenantError::NotGranted { role: role.clone(), source })
            }
            _ => store_error(DURING)(error),
        }
    }

    /// Switches row-level security on for every table of the schema, and makes the role.
    pub(crate) async fn set_up(&self, pool: &PgPool) -> Result<(), StoreError> {
        let done =
            sqlx::query("select hexsync_tell_apart($1::text::name)").bind(&self.role).execute(pool).await;
        done.map(drop).map_err(|error| match (server_code(&error).as_deref(), &self.role) {
            (Some("42501"), Some(role)) => {
                let source = store_error(SETTING_UP)(error).into();
                refused(TenantError::NoRole { role: role.clone(), source })
            }
            _ => store_error(SETTING_UP)(error),
        })
    }
}

/// Refuses a database that is set up for the other way.
pub(crate) fn check(multi_tenant: bool, isolated: bool) -> Result<(), StoreError> {
    match (multi_tenant, isolated) {
        (true, false) => Err(refused(TenantError::NotIsolated)),
        (false, true) => Err(refused(TenantError::Isolated)),
        _ => Ok(()),
    }
}

fn refused(error: TenantError) -> StoreError {
    StoreError::Refused { during: SETTING_UP, source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_names_are_never_part_of_the_statement() {
        let confinement = Confinement::new(Some("a\"b".to_owned()));
        let statement = confinement.begin_for(Some(&TenantId::from("x'); drop table users; --"))).unwrap();
        assert!(!statement.contains("drop table"), "{statement}");
        assert!(statement.contains("set local role \"a\"\"b\""), "{statement}");
    }

    #[test]
    fn nul_in_a_tenants_name_is_refused() {
        assert!(Confinement::new(None).begin_for(Some(&TenantId::from("a\0b"))).is_err());
    }
}
