//! `/_sandbox/...`: the control API.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::page::flag;
use crate::faults::FaultRule;
use crate::hubspot::control::{HubspotControl, RowChanges};
use crate::hubspot::evolve::ChangePlan;
use crate::hubspot::schema::{ObjectSpec, PropertySpec};
use crate::hubspot::settings::HubspotSettings;
use crate::hubspot::state::State;
use crate::wire::{Answer, Call};

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

#[derive(Deserialize)]
struct LostAnswers {
    times: u64,
}

#[derive(Deserialize)]
struct DailyLimit {
    used: u64,
    max: u64,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum SchemaChange {
    Add { object: String, property: PropertySpec },
    Change { object: String, name: String, property: PropertySpec },
    Archive { object: String, name: String },
    Object { schema: ObjectSpec },
    StageProbability { stage: String, probability: String },
}

#[derive(Deserialize)]
struct Evolve {
    seed: u64,
    #[serde(default)]
    plan: ChangePlan,
}

/// Serves one control call; `path` is what follows `/_sandbox`.
pub(super) fn serve(state: &Arc<State>, call: &Call, path: &[&str]) -> Result<Answer, ApiError> {
    let control = HubspotControl::new(Arc::clone(state));
    let done = || Ok(Answer::empty(204));
    match (&call.method, path) {
        (_, ["rows" | "associations", ..]) => rows(&control, call, path),
        (&Method::GET, ["clock"]) => Ok(clock(&control)),
        (&Method::POST, ["clock", "advance"]) => {
            let body: Advance = call.json()?;
            control.advance(Duration::from_secs(body.seconds));
            Ok(clock(&control))
        }
        (&Method::POST, ["schema"]) => schema(&control, call.json()?),
        (&Method::POST, ["evolve"]) => {
            let body: Evolve = call.json()?;
            Ok(Answer::json(200, &control.evolve(body.seed, &body.plan)))
        }
        (method, ["faults"]) => faults(&control, method, call),
        (method, ["row-rules"]) => row_rules(&control, method, call),
        (&Method::PUT, ["workflows"]) => {
            control.set_workflows(call.json()?);
            done()
        }
        (&Method::POST, ["tokens", "expire"]) => {
            control.expire_tokens();
            done()
        }
        (&Method::POST, ["tokens", "code"]) => {
            Ok(Answer::json(201, &json!({"code": control.issue_code(call.param("verifier"))})))
        }
        (&Method::GET, ["deliveries"]) => Ok(Answer::json(200, &control.deliveries())),
        (&Method::DELETE, ["deliveries"]) => {
            control.forget_deliveries();
            done()
        }
        (&Method::POST, ["webhooks", "lose-answers"]) => {
            let body: LostAnswers = call.json()?;
            control.lose_webhook_answers(body.times);
            done()
        }
        (&Method::POST, ["webhooks", "send"]) => {
            control.send_event(call.json()?);
            done()
        }
        (&Method::POST, ["uninstall"]) => {
            control.uninstall();
            done()
        }
        (&Method::POST, ["refresh-tokens", "revoke"]) => {
            control.revoke_refresh_tokens();
            done()
        }
        (&Method::POST, ["refresh-tokens"]) => {
            Ok(Answer::json(201, &json!({"refresh_token": control.grant_refresh_token()})))
        }
        (&Method::GET, ["requests"]) => Ok(Answer::json(200, &control.request_counts())),
        (&Method::GET, ["requests", "log"]) => Ok(Answer::json(200, &control.request_log())),
        (&Method::DELETE, ["requests"]) => {
            control.reset_request_counts();
            done()
        }
        (&Method::PUT, ["daily-limit"]) => {
            let body: DailyLimit = call.json()?;
            control.set_daily_limit(body.used, body.max);
            done()
        }
        (&Method::POST, ["limits", "reset"]) => {
            control.reset_limits();
            done()
        }
        (&Method::GET, ["settings"]) => Ok(Answer::json(200, &control.settings())),
        (&Method::PATCH, ["settings"]) => settings(&control, call),
        (&Method::GET, ["credentials"]) => Ok(credentials(&control)),
        _ => Err(ApiError::no_resource()),
    }
}

fn clock(control: &HubspotControl) -> Answer {
    let now = control.clock().now();
    Answer::json(200, &json!({"now": now.to_rfc3339(), "ms": now.timestamp_millis()}))
}

fn rows(control: &HubspotControl, call: &Call, path: &[&str]) -> Result<Answer, ApiError> {
    match (&call.method, path) {
        (&Method::POST, ["rows"]) => {
            let changes: RowChanges = call.json()?;
            let results = control.apply(&changes).into_iter().map(|result| match result {
                Ok(id) => json!({"id": id.to_string(), "success": true}),
                Err(error) => json!({"success": false, "category": error.category, "message": error.message}),
            });
            Ok(Answer::json(200, &results.collect::<Vec<_>>()))
        }
        (&Method::GET, ["rows", object]) => {
            Ok(Answer::json(200, &control.rows(object, flag(call, "archived"))))
        }
        (&Method::GET, ["rows", object, id]) => {
            let row = id.parse().ok().and_then(|id| control.row(object, id));
            Ok(Answer::json(200, &row.ok_or_else(ApiError::no_resource)?))
        }
        (&Method::GET, ["associations", from, to]) => {
            let all = control.associations(from, to).into_iter();
            let all = all.map(|(from, to, labels)| {
                json!({"from": from.to_string(), "to": to.to_string(), "labels": labels})
            });
            Ok(Answer::json(200, &all.collect::<Vec<_>>()))
        }
        _ => Err(ApiError::no_resource()),
    }
}

fn schema(control: &HubspotControl, change: SchemaChange) -> Result<Answer, ApiError> {
    match change {
        SchemaChange::Add { object, property } => control.add_property(&object, &property)?,
        SchemaChange::Change { object, name, property } => {
            control.change_property(&object, &name, &property)?;
        }
        SchemaChange::Archive { object, name } => control.archive_property(&object, &name)?,
        SchemaChange::Object { schema } => {
            control.add_object(&schema)?;
        }
        SchemaChange::StageProbability { stage, probability } => {
            if !control.set_stage_probability(&stage, &probability) {
                return Err(ApiError::no_resource());
            }
        }
    }
    Ok(Answer::empty(204))
}

fn faults(control: &HubspotControl, method: &Method, call: &Call) -> Result<Answer, ApiError> {
    match *method {
        Method::GET => {}
        Method::PUT => control.set_faults(call.json()?),
        Method::POST => control.add_fault(call.json::<FaultRule>()?),
        Method::DELETE => control.set_faults(Vec::new()),
        _ => return Err(ApiError::method()),
    }
    Ok(Answer::json(200, &control.faults()))
}

fn row_rules(control: &HubspotControl, method: &Method, call: &Call) -> Result<Answer, ApiError> {
    match *method {
        Method::GET => {}
        Method::PUT => control.set_row_rules(call.json()?),
        Method::POST => control.add_row_rule(call.json()?),
        Method::DELETE => control.set_row_rules(Vec::new()),
        _ => return Err(ApiError::method()),
    }
    Ok(Answer::json(200, &control.row_rules()))
}

/// Keys that are given replace those in force.
fn settings(control: &HubspotControl, call: &Call) -> Result<Answer, ApiError> {
    let given: serde_json::Map<String, Json> = call.json()?;
    let mut all = serde_json::to_value(control.settings())?;
    for (key, value) in given {
        all[key] = value;
    }
    let new: HubspotSettings = serde_json::from_value(all)?;
    control.edit_settings(|settings| *settings = new);
    Ok(Answer::json(200, &control.settings()))
}

fn credentials(control: &HubspotControl) -> Answer {
    let app = control.credentials();
    Answer::json(
        200,
        &json!({
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            "refresh_token": app.refresh_token,
            "private_app_token": app.private_app_token,
            "redirect_uri": app.redirect_uri,
            "developer_api_key": app.developer_api_key,
            "app_id": app.app_id,
            "portal_id": app.portal_id,
        }),
    )
}
