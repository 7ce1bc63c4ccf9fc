//! `/account-info/v3/...`

use http::Method;
use serde_json::json;

use super::error::ApiError;
use super::route::only;
use crate::hubspot::model::time::{DAY_MS, iso_millis};
use crate::hubspot::settings::HubspotSettings;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

pub(super) fn serve(state: &State, call: &Call, rest: &[&str]) -> Result<Answer, ApiError> {
    only(call, &Method::GET)?;
    let offset = state.setting(HubspotSettings::utc_offset_ms);
    match rest {
        ["details"] => Ok(Answer::json(
            200,
            &json!({
                "portalId": state.credentials.portal_id,
                "accountType": "STANDARD",
                "timeZone": time_zone(offset),
                "companyCurrency": "EUR",
                "additionalCurrencies": ["USD", "GBP"],
                "utcOffset": offset_text(offset),
                "utcOffsetMilliseconds": offset,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            }),
        )),
        ["api-usage", "daily", "private-apps"] => {
            let now = state.clock.now_ms();
            let midnight = now - (now + offset).rem_euclid(DAY_MS) + DAY_MS;
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

/// `-05:00`
fn offset_text(offset_ms: i64) -> String {
    let minutes = offset_ms / 60_000;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

/// A zone without summer time; the signs of these names are turned round.
fn time_zone(offset_ms: i64) -> String {
    match offset_ms / 3_600_000 {
        0 => "Etc/UTC".to_owned(),
        hours if hours > 0 => format!("Etc/GMT-{hours}"),
        hours => format!("Etc/GMT+{}", -hours),
    }
}
