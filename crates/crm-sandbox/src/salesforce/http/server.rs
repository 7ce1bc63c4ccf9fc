//! Connections: reading requests, letting faults strike, sending answers.

use std::sync::Arc;
use std::time::Duration;

use http::header::{DATE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::answer::{Answer, Outgoing};
use super::describe::http_date;
use super::error::ApiError;
use super::request::{Call, MAX_BODY, too_large};
use super::{limits, route, struck};
use crate::faults::Fault;
use crate::salesforce::state::{RequestKind, State};

/// Longer request lines are refused, and so are longer ones together with their headers.
const MAX_URI: usize = 16_384;
const LIMIT_INFO: HeaderName = HeaderName::from_static("sforce-limit-info");

/// The connection closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was dropped on purpose")]
struct Dropped;

/// Accepts connections until `stop` turns true, then closes the open ones.
pub(crate) async fn serve_connections(
    listener: TcpListener,
    state: Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&state), stop.clone()))),
            Err(error) => {
                // Out of file handles, most likely: the next attempt may find one.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, state: Arc<State>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not switch off write batching");
    }
    let service = service_fn(move |request| serve(Arc::clone(&state), request));
    let serving =
        http1::Builder::new().max_buf_size(64 * 1024).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = stop.wait_for(|stopped| *stopped) => {}
        result = serving => {
            if let Err(error) = result {
                tracing::debug!(%error, "a connection ended early");
            }
        }
    }
}

async fn serve(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Outgoing>, Dropped> {
    let (parts, body) = request.into_parts();
    let too_long = too_long(&parts.uri, &parts.headers);
    let head = parts.method == Method::HEAD;
    let mut call = Call::new(parts.method, &parts.uri, parts.headers);
    let kind = route::kind(&call);
    let strike = state.arrive(kind);
    if !strike.latency.is_zero() {
        tokio::time::sleep(strike.latency).await;
    }
    if strike.fault == Some(Fault::Drop) {
        return Err(Dropped);
    }
    let refused = if too_long.is_some() {
        too_long
    } else {
        match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => {
                call.body = body.to_bytes();
                call.unpack().err()
            }
            Err(_) => Some(too_large()),
        }
    };
    let struck = strike.fault.as_ref().and_then(struck::answer);
    let (call, mut answer) = match refused.map(|error| error.answer()).or(struck) {
        Some(answer) => (call, answer),
        None => work(Arc::clone(&state), call).await?,
    };
    if strike.fault == Some(Fault::DropAnswer) {
        return Err(Dropped);
    }
    if call.header("x-prettyprint") == Some("1") {
        answer = answer.pretty();
    }
    if state.settings().gzip && call.takes_gzip() && kind != RequestKind::Control {
        answer = answer.gzip();
    }
    if head {
        answer.body.clear();
    }
    Ok(send(&state, answer, strike.fault.as_ref()))
}

fn too_long(uri: &Uri, headers: &HeaderMap) -> Option<ApiError> {
    let uri = uri.to_string().len();
    let headers: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if uri > MAX_URI {
        return Some(ApiError::new(414, "URI_TOO_LONG", "the request URI is longer than 16,384 bytes"));
    }
    let message = "the request URI and headers are longer than 16,384 bytes";
    (uri + headers > MAX_URI).then(|| ApiError::new(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message))
}

/// Runs a handler where it may take its time: a query over a million rows must not hold up the runtime.
async fn work(state: Arc<State>, call: Call) -> Result<(Call, Answer), Dropped> {
    let task = tokio::task::spawn_blocking(move || {
        let answer = route::dispatch(&state, &call);
        (call, answer)
    });
    task.await.map_err(|_| Dropped)
}

fn send(state: &State, answer: Answer, fault: Option<&Fault>) -> Response<Outgoing> {
    let body = match fault {
        Some(Fault::Truncate { bytes }) => Outgoing::cut(answer.body, *bytes),
        _ => Outgoing::whole(answer.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    let texts = [(DATE, http_date(state.clock.now_ms())), (LIMIT_INFO, limits::header(state))];
    for (name, text) in texts {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
