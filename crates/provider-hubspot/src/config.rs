//! What can be set, with its defaults.

use std::time::Duration;

/// How records of one account are read and written.
///
/// ```
/// use provider_hubspot::HubspotConfig;
/// use std::time::Duration;
///
/// let config = HubspotConfig { settle_lag: Duration::from_secs(60), ..HubspotConfig::default() };
/// assert_eq!(config.base_url, "https://api.hubapi.com");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubspotConfig {
    /// Where the API lives. Default `https://api.hubapi.com`.
    pub base_url: String,
    /// The version in the paths of objects, properties, owners and schemas. Default `v3`.
    pub api_version: String,
    /// The version in the paths of associations. Default `v4`.
    pub associations_version: String,
    /// Records per listed page, 1 to 100. Default 100.
    pub page_size: u16,
    /// Records per page of a search, 1 to 200. Default 200.
    pub search_page_size: u16,
    /// How far behind HubSpot's clock a run stops reading, because its index lags. Default 10 s.
    pub settle_lag: Duration,
    /// How far behind its cursor a run reads again, because the index can lag by minutes. Default 10 min;
    /// zero turns it off.
    pub overlap: Duration,
    /// How often the list of archived records is read for deletions. It has no filter, so that it costs one call
    /// per hundred records archived within about 90 days. Default zero: with every run.
    pub archived_every: Duration,
    /// Which of the customer's own properties are read. Default all.
    pub custom_fields: CustomFieldSelection,
    /// Calls in ten seconds, searches apart. Default `None`: nine tenths of what the account's answers allow,
    /// and 90 until the first one tells.
    pub calls_per_ten_seconds: Option<u32>,
    /// Searches in a second. Default 4, of the 5 that an account has.
    pub searches_per_second: u32,
    /// The share of the account's daily calls that is left to the customer's other tools, in percent, where
    /// answers tell of a daily limit. Default 20; above 100 counts as 100.
    pub api_reserve: u8,
    /// How often a call is repeated whose answer can't be read, before the run gives up. Default 3.
    pub restarts: u32,
    /// The pause before the first of those repetitions; each further one waits twice as long. Default 1 s.
    pub restart_pause: Duration,
}

impl Default for HubspotConfig {
    fn default() -> Self {
        Self {
            base_url: "https://api.hubapi.com".to_owned(),
            api_version: "v3".to_owned(),
            associations_version: "v4".to_owned(),
            page_size: 100,
            search_page_size: 200,
            settle_lag: Duration::from_secs(10),
            overlap: Duration::from_secs(600),
            archived_every: Duration::ZERO,
            custom_fields: CustomFieldSelection::All,
            calls_per_ten_seconds: None,
            searches_per_second: 4,
            api_reserve: 20,
            restarts: 3,
            restart_pause: Duration::from_secs(1),
        }
    }
}

/// Which of the customer's own properties are read into [`CustomFields`](sync_core::CustomFields).
///
/// Properties that the entity's mapping names are read in any case, and are not repeated there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CustomFieldSelection {
    /// All that the token may read, new ones from the next run on.
    #[default]
    All,
    /// Only these, by internal name.
    Only(Vec<String>),
    /// None.
    None,
}
