//! `/account-info/v3/...`

use http::Method;
use serde_json::json;

use super::error::ApiError;
use super::route::only;
use crate::hubspot::model::time::{DAY_MS, iso_millis};
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, rest: &[&str]) -> Result<Answer, ApiError> {
    only(call, &Method::GET)?;
    match rest {
        ["details"] => Ok(Answer::json(
            200,
            &json!({
                "portalId": state.credentials.portal_id,
                "accountType": "STANDARD",
                "timeZone": "Etc/UTC",
                "companyCurrency": "EUR",
                "additionalCurrencies": ["USD", "GBP"],
                "utcOffset": "+00:00",
                "utcOffsetMilliseconds": 0,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }),
        )),
        ["api-usage", "daily", "private-apps"] => {
            let now = state.clock.now_ms();
            let midnight = now - now.rem_euclid(DAY_MS) + DAY_MS;
            Ok(Answer::json(
                200,
                &json!({"results": [{
                    "name": "private-apps-api-calls-daily",
                    "usageLimit": state.setting(|settings| settings.daily_max),
                    "currentUsage": state.used_today(),
                    "collectedAt": iso_millis(now),
                    "fetchStatus": "SUCCESS",
                    "resetsAt": iso_millis(midnight),
                }]}),
            ))
        }
        _ => Err(ApiError::no_resource()),
    }
}
