//! Connections: reading requests, letting faults strike, sending answers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::answer::{Answer, Outgoing};
use super::call::{Call, MAX_BODY};
use crate::faults::{Fault, Struck};

/// What a simulated provider does with requests.
pub(crate) trait Site: Send + Sync + 'static {
    /// The longest request line, in bytes.
    const MAX_URI: usize;
    /// The most that request line and headers may have together, in bytes.
    const MAX_HEAD: usize;

    /// Numbers and counts a request, and says what strikes it.
    fn arrive(&self, call: &mut Call) -> Arrival;

    /// How the provider words a request that can't be read.
    fn refuse(&self, call: &Call, refusal: Refusal) -> Answer;

    /// The answer a fault gives instead of the real one; `None` for faults that work on the connection.
    fn struck(&self, call: &Call, fault: &Fault) -> Option<Answer>;

    /// Serves a request that no fault has struck.
    fn dispatch(self: &Arc<Self>, call: &Call) -> Answer;

    /// Takes note of a request that was answered with this status, or with none.
    fn log(&self, call: &Call, status: Option<u16>);

    /// Whether answers are compressed for clients that ask.
    fn compresses(&self) -> bool;

    /// The last touch, after faults: headers that every answer carries.
    fn finish(&self, call: &Call, answer: Answer) -> Answer;
}

/// A request as it came in.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    pub(crate) struck: Struck,
    /// A call of the sandbox's own control API: never struck, never compressed.
    pub(crate) control: bool,
}

/// Why a request can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    UriTooLong,
    HeadersTooLarge,
    BodyTooLarge,
    BadGzip,
}

/// The connection closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection was dropped on purpose")]
struct Dropped;

/// Accepts connections until `stop` turns true, then closes the open ones.
pub(crate) async fn serve_connections<S: Site>(
    listener: TcpListener,
    site: Arc<S>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let accepted = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&site), stop.clone()))),
            Err(error) => {
                // Out of file handles, most likely: the next attempt may find one.
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection<S: Site>(stream: TcpStream, site: Arc<S>, mut stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "could not switch off write batching");
    }
    let service = service_fn(move |request| serve(Arc::clone(&site), request));
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

async fn serve<S: Site>(site: Arc<S>, request: Request<Incoming>) -> Result<Response<Outgoing>, Dropped> {
    let (parts, body) = request.into_parts();
    let head = parts.method == Method::HEAD;
    let mut call = Call::new(parts.method, &parts.uri, parts.headers);
    let arrival = site.arrive(&mut call);
    let strike = &arrival.struck;
    if !strike.latency.is_zero() {
        tokio::time::sleep(strike.latency).await;
    }
    if strike.fault == Some(Fault::Drop) {
        site.log(&call, None);
        return Err(Dropped);
    }
    let refused = match too_long::<S>(&call) {
        Some(refusal) => Some(refusal),
        None => read_body(&mut call, body).await.err(),
    };
    let struck = || strike.fault.as_ref().and_then(|fault| site.struck(&call, fault));
    let (call, mut answer) = match refused.map(|refusal| site.refuse(&call, refusal)).or_else(struck) {
        Some(answer) => (call, answer),
        None => carry_out(&site, call, strike.fault.as_ref()).await?,
    };
    let lost = strike.fault == Some(Fault::DropAnswer);
    // Before waiting: a client that hangs up meanwhile ends this function, not what was done.
    site.log(&call, (!lost).then_some(answer.status));
    if let Some(Fault::LateAnswer { ms }) = &strike.fault {
        tokio::time::sleep(Duration::from_millis(*ms)).await;
    }
    if lost {
        return Err(Dropped);
    }
    if call.header("x-prettyprint") == Some("1") {
        answer = answer.pretty();
    }
    if !arrival.control && call.takes_gzip() && site.compresses() {
        answer = answer.gzip();
    }
    if head {
        answer.body.clear();
    }
    Ok(send(site.finish(&call, answer), strike.fault.as_ref()))
}

fn too_long<S: Site>(call: &Call) -> Option<Refusal> {
    if call.uri_len > S::MAX_URI {
        return Some(Refusal::UriTooLong);
    }
    (call.uri_len + size(&call.headers) > S::MAX_HEAD).then_some(Refusal::HeadersTooLarge)
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

async fn read_body(call: &mut Call, body: Incoming) -> Result<(), Refusal> {
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Refusal::BodyTooLarge)?;
    call.body = body.to_bytes();
    call.unpack()
}

/// Serves a request, a second time if a fault says so.
async fn carry_out<S: Site>(
    site: &Arc<S>,
    call: Call,
    fault: Option<&Fault>,
) -> Result<(Call, Answer), Dropped> {
    let (call, answer) = work(Arc::clone(site), call).await?;
    if fault != Some(&Fault::Twice) {
        return Ok((call, answer));
    }
    site.log(&call, Some(answer.status));
    work(Arc::clone(site), call).await
}

/// Runs a handler where it may take its time: a query over a million rows must not hold up the runtime.
async fn work<S: Site>(site: Arc<S>, call: Call) -> Result<(Call, Answer), Dropped> {
    let task = tokio::task::spawn_blocking(move || {
        let answer = site.dispatch(&call);
        (call, answer)
    });
    task.await.map_err(|_| Dropped)
}

fn send(answer: Answer, fault: Option<&Fault>) -> Response<Outgoing> {
    let body = match fault {
        Some(Fault::Truncate { bytes }) => Outgoing::cut(answer.body, *bytes),
        _ => Outgoing::whole(answer.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    response
}
