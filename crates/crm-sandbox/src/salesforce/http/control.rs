//! `/_sandbox/...`: the control API.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::error::ApiError;
use super::request::Call;
use super::rows::outcome;
use crate::faults::FaultRule;
use crate::salesforce::control::{RowChanges, SalesforceControl};
use crate::salesforce::evolve::ChangePlan;
use crate::salesforce::model::RecordId;
use crate::salesforce::schema::FieldSpec;
use crate::salesforce::settings::SalesforceSettings;
use crate::salesforce::state::State;
use crate::wire::Answer;

#[derive(Deserialize)]
struct Advance {
    seconds: u64,
}

#[derive(Deserialize)]
struct ParentLocks {
    ms: u64,
}

#[derive(Deserialize)]
struct LostAnswers {
    times: u64,
}

#[derive(Deserialize)]
struct ApiLimit {
    used: u64,
    max: u64,
}

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum SchemaChange {
    Add { object: String, field: FieldSpec },
    Remove { object: String, name: String },
    Retype { object: String, field: FieldSpec },
    FormulaFactor { object: String, name: String, factor: f64 },
}

#[derive(Deserialize)]
struct Evolve {
    seed: u64,
    #[serde(default)]
    plan: ChangePlan,
}

/// Serves one control call; `path` is what follows `/_sandbox`.
pub(super) fn serve(state: &Arc<State>, call: &Call, path: &[&str]) -> Result<Answer, ApiError> {
    let control = SalesforceControl::new(Arc::clone(state));
    let done = || Ok(Answer::empty(204));
    match (&call.method, path) {
        (&Method::GET, ["clock"]) => Ok(clock(&control)),
        (&Method::POST, ["clock", "advance"]) => {
            let body: Advance = call.json()?;
            control.advance(Duration::from_secs(body.seconds));
            Ok(clock(&control))
        }
        (&Method::POST, ["rows"]) => {
            let changes: RowChanges = call.json()?;
            let results =
                control.apply(&changes).into_iter().map(|result| outcome(result.map(|id| (id, None))));
            Ok(Answer::json(200, &results.collect::<Vec<_>>()))
        }
        (&Method::GET, ["rows", id]) => {
            let row = RecordId::parse(id).and_then(|id| control.row(id)).ok_or_else(ApiError::not_found)?;
            Ok(Answer::json(200, &row))
        }
        (&Method::POST, ["schema"]) => {
            match call.json()? {
                SchemaChange::Add { object, field } => control.add_field(&object, &field)?,
                SchemaChange::Remove { object, name } => control.remove_field(&object, &name)?,
                SchemaChange::Retype { object, field } => control.retype_field(&object, &field)?,
                SchemaChange::FormulaFactor { object, name, factor } => {
                    control.set_formula_factor(&object, &name, factor)?;
                }
            }
            done()
        }
        (&Method::POST, ["evolve"]) => {
            let body: Evolve = call.json()?;
            Ok(Answer::json(200, &control.evolve(body.seed, &body.plan)))
        }
        (method, ["faults"]) => faults(&control, method, call),
        (method, ["row-rules"]) => row_rules(&control, method, call),
        (&Method::PUT, ["duplicate-rules"]) => {
            control.set_duplicate_rules(call.json()?);
            done()
        }
        (&Method::PUT, ["workflows"]) => {
            control.set_workflows(call.json()?);
            done()
        }
        (method, ["outbound-messages", path @ ..]) => outbound_messages(&control, method, path, call),
        (&Method::PUT, ["parent-locks"]) => {
            let body: ParentLocks = call.json()?;
            control.lock_parents_for(Duration::from_millis(body.ms));
            done()
        }
        (&Method::POST, ["sessions", "expire"]) => {
            control.expire_sessions();
            done()
        }
        (&Method::POST, ["refresh-tokens", path @ ..]) => refresh_tokens(&control, path),
        (&Method::POST, ["locators", "forget"]) => {
            control.forget_locators();
            done()
        }
        (method, ["requests", path @ ..]) => requests(&control, method, path),
        (&Method::PUT, ["api-limit"]) => {
            let body: ApiLimit = call.json()?;
            control.set_api_limit(body.used, body.max);
            done()
        }
        (&Method::GET, ["settings"]) => Ok(Answer::json(200, &control.settings())),
        (&Method::PATCH, ["settings"]) => settings(&control, call),
        (&Method::GET, ["credentials"]) => Ok(credentials(&control)),
        (&Method::GET, ["credentials", "jwt-key"]) => {
            let key =
                control.jwt_private_key().map_err(|error| ApiError::new(500, "NO_KEY", error.to_string()))?;
            Ok(Answer::bytes(200, "application/x-pem-file", key.as_bytes().to_vec()))
        }
        _ => Err(ApiError::not_found()),
    }
}

fn outbound_messages(
    control: &SalesforceControl,
    method: &Method,
    path: &[&str],
    call: &Call,
) -> Result<Answer, ApiError> {
    match (method, path) {
        (&Method::POST, []) => {
            Ok(Answer::json(201, &json!({"id": control.add_outbound_message(call.json()?)?})))
        }
        (&Method::DELETE, []) => {
            control.remove_outbound_messages();
            Ok(Answer::empty(204))
        }
        (&Method::GET, ["deliveries"]) => Ok(Answer::json(200, &control.outbound_deliveries())),
        (&Method::POST, ["lose-answers"]) => {
            let body: LostAnswers = call.json()?;
            control.lose_outbound_answers(body.times);
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::not_found()),
    }
}

fn refresh_tokens(control: &SalesforceControl, path: &[&str]) -> Result<Answer, ApiError> {
    match path {
        [] => Ok(Answer::json(201, &json!({"refresh_token": control.grant_refresh_token()}))),
        ["revoke"] => {
            control.revoke_refresh_tokens();
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::not_found()),
    }
}

fn requests(control: &SalesforceControl, method: &Method, path: &[&str]) -> Result<Answer, ApiError> {
    match (method, path) {
        (&Method::GET, []) => Ok(Answer::json(200, &control.request_counts())),
        (&Method::GET, ["log"]) => Ok(Answer::json(200, &control.request_log())),
        (&Method::DELETE, []) => {
            control.reset_request_counts();
            Ok(Answer::empty(204))
        }
        _ => Err(ApiError::not_found()),
    }
}

fn clock(control: &SalesforceControl) -> Answer {
    let now = control.clock().now();
    Answer::json(200, &json!({"now": now.to_rfc3339(), "ms": now.timestamp_millis()}))
}

fn faults(control: &SalesforceControl, method: &Method, call: &Call) -> Result<Answer, ApiError> {
    match *method {
        Method::GET => {}
        Method::PUT => control.set_faults(call.json()?),
        Method::POST => control.add_fault(call.json::<FaultRule>()?),
        Method::DELETE => control.set_faults(Vec::new()),
        _ => return Err(ApiError::method(method, "GET,PUT,POST,DELETE")),
    }
    Ok(Answer::json(200, &control.faults()))
}

fn row_rules(control: &SalesforceControl, method: &Method, call: &Call) -> Result<Answer, ApiError> {
    match *method {
        Method::GET => {}
        Method::PUT => control.set_row_rules(call.json()?),
        Method::POST => control.add_row_rule(call.json()?),
        Method::DELETE => control.set_row_rules(Vec::new()),
        _ => return Err(ApiError::method(method, "GET,PUT,POST,DELETE")),
    }
    Ok(Answer::json(200, &control.row_rules()))
}

/// Keys that are given replace those in force.
fn settings(control: &SalesforceControl, call: &Call) -> Result<Answer, ApiError> {
    let given: serde_json::Map<String, Json> = call.json()?;
    let mut all = serde_json::to_value(control.settings())?;
    for (key, value) in given {
        all[key] = value;
    }
    let new: SalesforceSettings = serde_json::from_value(all)?;
    control.edit_settings(|settings| *settings = new);
    Ok(Answer::json(200, &control.settings()))
}

fn credentials(control: &SalesforceControl) -> Answer {
    let credentials = control.credentials();
    Answer::json(
        200,
        &json!({
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
            "refresh_token": credentials.refresh_token,
            "username": credentials.username,
        }),
    )
}
