//! `/composite`: up to 25 requests in one, later ones may refer to what earlier ones answered.

use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::error::ApiError;
use super::request::{Call, Caller};
use super::route;
use crate::salesforce::state::State;
use crate::wire::Answer;

/// Requests in one call.
const MAX_REQUESTS: usize = 25;
/// Of these, queries and collections.
const MAX_LARGE: usize = 5;
/// Headers that a subrequest can't have of its own.
const FORBIDDEN_HEADERS: [&str; 3] = ["accept", "authorization", "content-type"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    all_or_none: bool,
    composite_request: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Part {
    method: String,
    url: String,
    reference_id: String,
    #[serde(default)]
    body: Option<Json>,
    #[serde(default)]
    http_headers: Map<String, Json>,
}

/// How one part ended.
struct Done {
    reference: String,
    status: u16,
    headers: Json,
    body: Json,
}

impl Done {
    fn halted(reference: &str, message: impl Into<String>) -> Self {
        let error = ApiError::bad_request("PROCESSING_HALTED", message);
        Self::refused(reference, &error)
    }

    fn refused(reference: &str, error: &ApiError) -> Self {
        let answer = error.answer();
        let body = serde_json::from_slice(&answer.body).unwrap_or(Json::Null);
        Self { reference: reference.to_owned(), status: answer.status, headers: json!({}), body }
    }

    fn failed(&self) -> bool {
        self.status >= 400
    }

    fn shown(self) -> Json {
        json!({
            "body": self.body,
            "httpHeaders": self.headers,
            "httpStatusCode": self.status,
            "referenceId": self.reference,
        })
    }
}

/// `POST .../composite`. The caller holds the turn to write, so that nobody writes in between.
pub(super) fn serve(state: &State, call: &Call, caller: &Caller) -> Result<Answer, ApiError> {
    if call.method != Method::POST {
        return Err(ApiError::method(&call.method, "POST"));
    }
    let body: Body = call.json()?;
    check(&body.composite_request)?;
    let before = state.org_mut().open();
    let mut done: Vec<Done> = Vec::with_capacity(body.composite_request.len());
    for part in &body.composite_request {
        let stop = body.all_or_none && done.iter().any(Done::failed);
        done.push(if stop { rolled_back(&part.reference_id) } else { run(state, call, caller, part, &done) });
    }
    let keep = !body.all_or_none || !done.iter().any(Done::failed);
    state.org_mut().close(keep, before);
    if !keep {
        for one in done.iter_mut().filter(|one| !one.failed()) {
            *one = rolled_back(&one.reference);
        }
    }
    let shown: Vec<Json> = done.into_iter().map(Done::shown).collect();
    Ok(Answer::json(200, &json!({"compositeResponse": shown})))
}

fn rolled_back(reference: &str) -> Done {
    let message = "The transaction was rolled back since another operation in the same transaction failed.";
    Done::halted(reference, message)
}

fn check(parts: &[Part]) -> Result<(), ApiError> {
    if parts.is_empty() || parts.len() > MAX_REQUESTS {
        let message = format!("a composite request has 1 to {MAX_REQUESTS} subrequests");
        return Err(ApiError::bad_request("LIMIT_EXCEEDED", message));
    }
    let is_large = |part: &&Part| {
        ["/query", "/queryAll", "/composite/sobjects"].iter().any(|path| part.url.contains(path))
    };
    if parts.iter().filter(is_large).count() > MAX_LARGE {
        let message = format!("at most {MAX_LARGE} subrequests can be queries or collections");
        return Err(ApiError::bad_request("LIMIT_EXCEEDED", message));
    }
    for (place, part) in parts.iter().enumerate() {
        let id = &part.reference_id;
        let well_formed =
            !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let twice = parts[..place].iter().any(|other| other.reference_id == *id);
        let header =
            part.http_headers.keys().any(|name| FORBIDDEN_HEADERS.contains(&name.to_lowercase().as_str()));
        if !well_formed || twice || header {
            let message =
                format!("Subrequest {}: bad or repeated referenceId, or a header it can't have", place + 1);
            return Err(ApiError::bad_request("JSON_PARSER_ERROR", message));
        }
    }
    Ok(())
}

fn run(state: &State, call: &Call, caller: &Caller, part: &Part, done: &[Done]) -> Done {
    let reference = &part.reference_id;
    let prepared = prepare(call, part, done);
    let sub = match prepared {
        Ok(sub) => sub,
        Err(message) => return Done::halted(reference, message),
    };
    let path = sub.path();
    let answer = match path.as_slice() {
        // No nesting.
        ["services", "data", _, "composite"] => Err(ApiError::not_found()),
        ["services", "data", version, rest @ ..] => {
            route::resource(state, &sub, caller, rest, &format!("/services/data/{version}"))
        }
        _ => Err(ApiError::not_found()),
    };
    match answer {
        Ok(answer) => {
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            Done {
                reference: reference.clone(),
                status: answer.status,
                headers: location.map_or_else(|| json!({}), |url| json!({"Location": url})),
                body: serde_json::from_slice(&answer.body).unwrap_or(Json::Null),
            }
        }
        Err(error) => Done::refused(reference, &error),
    }
}

/// The call that a part stands for, references put in.
fn prepare(call: &Call, part: &Part, done: &[Done]) -> Result<Call, String> {
    let url = resolve_text(&part.url, done)?;
    let uri: Uri = url.parse().map_err(|_| format!("{url} is not a URL"))?;
    let method = Method::from_bytes(part.method.as_bytes()).map_err(|_| "unknown method".to_owned())?;
    let mut headers = HeaderMap::new();
    for (name, value) in &part.http_headers {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&text)) {
            headers.insert(name, value);
        }
    }
    let mut sub = Call::new(method, &uri, headers);
    sub.number = call.number;
    if let Some(body) = &part.body {
        sub.body = resolve(body, done)?.to_string().into();
    }
    Ok(sub)
}

fn resolve(json: &Json, done: &[Done]) -> Result<Json, String> {
    Ok(match json {
        Json::String(text) => Json::String(resolve_text(text, done)?),
        Json::Array(all) => Json::Array(all.iter().map(|one| resolve(one, done)).collect::<Result<_, _>>()?),
        Json::Object(all) => {
            let all = all.iter().map(|(key, one)| Ok((key.clone(), resolve(one, done)?)));
            Json::Object(all.collect::<Result<_, String>>()?)
        }
        other => other.clone(),
    })
}

/// Puts answers in the place of `@{reference.path}`.
fn resolve_text(text: &str, done: &[Done]) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(&look_up(path, done)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// `acc.id`, `found.records[0].Id`.
fn look_up(path: &str, done: &[Done]) -> Result<String, String> {
    let (reference, field) = path.split_once('.').unwrap_or((path, ""));
    let missing = || format!("Invalid reference specified. No value for {path} found in {reference}");
    let one = done.iter().find(|one| one.reference == reference && !one.failed()).ok_or_else(missing)?;
    let pointer = format!("/{}", field.replace('[', ".").replace(']', "").replace('.', "/"));
    match one.body.pointer(&pointer) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(value @ (Json::Number(_) | Json::Bool(_))) => Ok(value.to_string()),
        _ => Err(missing()),
    }
}
