//! `/limits` and the usage header.

use serde_json::json;

use crate::salesforce::state::State;
use crate::wire::Answer;

/// `GET .../limits/`
pub(super) fn limits(state: &State) -> Answer {
    let (used, max) = state.api_usage();
    let full = |n: u64| json!({"Max": n, "Remaining": n});
    Answer::json(
        200,
        &json!({
            "DailyApiRequests": {"Max": max, "Remaining": max.saturating_sub(used)},
            "DailyAsyncApexExecutions": full(250_000),
            "DailyBulkApiBatches": full(15_000),
            "DailyBulkV2QueryFileStorageMB": full(976_562),
            "DailyBulkV2QueryJobs": full(10_000),
            "DailyDeliveredPlatformEvents": full(10_000),
            "DailyStreamingApiEvents": full(10_000),
            "DataStorageMB": full(1_024),
            "FileStorageMB": full(1_024),
            "HourlyPublishedPlatformEvents": full(50_000),
        }),
    )
}

/// The value of `Sforce-Limit-Info`.
pub(super) fn header(state: &State) -> String {
    let (used, max) = state.api_usage();
    let mut text = format!("api-usage={used}/{max}");
    if state.settings().per_app_usage {
        text += &format!("; per-app-api-usage={used}/{max}(appName=sandbox-app)");
    }
    text
}
