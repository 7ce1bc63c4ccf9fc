//! What can be set, with its defaults.

use std::time::Duration;

/// How records of one org are read and written.
///
/// ```
/// use provider_salesforce::SalesforceConfig;
/// use std::time::Duration;
///
/// let config = SalesforceConfig { settle_lag: Duration::from_secs(20), ..SalesforceConfig::default() };
/// assert_eq!(config.api_version, "v66.0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalesforceConfig {
    /// The API version, with its `v`. Default `v66.0`.
    pub api_version: String,
    /// Records per page that are asked for, 200 to 2,000; Salesforce may send fewer. Default 2,000.
    pub page_size: u16,
    /// How far behind Salesforce's clock a run stops reading, because records become visible late.
    /// Default 5 s.
    pub settle_lag: Duration,
    /// How far behind its cursor a run reads again, because stamps are set before the commit. Default 10 min;
    /// zero turns it off.
    pub overlap: Duration,
    /// Which of the customer's own fields are read. Default all.
    pub custom_fields: CustomFieldSelection,
    /// The share of the org's daily API calls that is left to the customer's other tools, in percent.
    /// Default 20; above 100 counts as 100.
    pub api_reserve: u8,
    /// How often a query is begun anew where it broke off, without a record gained, before the run gives up.
    /// Default 3.
    pub restarts: u32,
    /// The pause before the first of those restarts; each further one waits twice as long. Default 1 s.
    pub restart_pause: Duration,
    /// Who writes, in the calls and in the change events that come of them. Default `hexsync`.
    pub client_name: String,
    /// How often a row is sent that meets a lock, before it is put off. Default 4; 0 counts as 1.
    pub lock_tries: u32,
    /// The pause before a locked row is sent again; each further one is twice as long, and chance adds up to as much
    /// again. Default 1 s.
    pub lock_pause: Duration,
}

impl Default for SalesforceConfig {
    fn default() -> Self {
        Self {
            api_version: "v66.0".to_owned(),
            page_size: 2_000,
            settle_lag: Duration::from_secs(5),
            overlap: Duration::from_secs(600),
            custom_fields: CustomFieldSelection::All,
            api_reserve: 20,
            restarts: 3,
            restart_pause: Duration::from_secs(1),
            client_name: "hexsync".to_owned(),
            lock_tries: 4,
            lock_pause: Duration::from_secs(1),
        }
    }
}

/// Which of the customer's own fields are read into [`CustomFields`](sync_core::CustomFields).
///
/// Fields that the entity's mapping names are read in any case, and are not repeated there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CustomFieldSelection {
    /// All that the user may read, new ones from the next run on.
    #[default]
    All,
    /// Only these, by API name.
    Only(Vec<String>),
    /// None.
    None,
}
