//! Calling a receiver on this machine: the simulated providers send their webhooks to loopback and nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Host, Url};

/// Longer answers of a receiver are not read.
const MAX_ANSWER: usize = 1024 * 1024;

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// As it was configured; signatures cover it.
    pub(crate) url: String,
    address: SocketAddr,
    host: String,
    path: String,
}

/// A receiver that is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulation calls http URLs of this machine only; use http://127.0.0.1:<port>/<path>")]
pub(crate) struct NotLoopback;

impl Target {
    /// Takes `http` URLs of 127.0.0.0/8, `[::1]` and `localhost`.
    pub(crate) fn parse(text: &str) -> Result<Self, NotLoopback> {
        let url = Url::parse(text).map_err(|_| NotLoopback)?;
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(name)) if name.eq_ignore_ascii_case("localhost") => {
                IpAddr::V4(Ipv4Addr::LOCALHOST)
            }
            _ => return Err(NotLoopback),
        };
        let loopback = match ip {
            IpAddr::V4(ip) => ip.is_loopback(),
            IpAddr::V6(ip) => ip == Ipv6Addr::LOCALHOST,
        };
        if url.scheme() != "http" || !loopback {
            return Err(NotLoopback);
        }
        let port = url.port_or_known_default().unwrap_or(80);
        let host = url.host_str().unwrap_or("127.0.0.1");
        let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
        Ok(Self {
            url: text.to_owned(),
            address: SocketAddr::new(ip, port),
            host: format!("{host}:{port}"),
            path: format!("{}{query}", url.path()),
        })
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Answered {
        status: u16,
        body: Bytes,
    },
    /// Nothing came, or not in time; why, for people.
    Silent(&'static str),
}

/// Posts a body over a connection of its own and reads the answer, within `patience`.
pub(crate) async fn post(target: &Target, mut headers: HeaderMap, body: Bytes, patience: Duration) -> Reply {
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    if let Ok(host) = HeaderValue::from_str(&target.host) {
        headers.insert(HOST, host);
    }
    match tokio::time::timeout(patience, exchange(target, headers, body)).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(why)) => Reply::Silent(why),
        Err(_) => Reply::Silent("timed out"),
    }
}

async fn exchange(target: &Target, headers: HeaderMap, body: Bytes) -> Result<Reply, &'static str> {
    let stream = TcpStream::connect(target.address).await.map_err(|_| "connection refused")?;
    let shaken = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|_| "connection broken")?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.path.parse().map_err(|_| "no such path")?;
    *request.headers_mut() = headers;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(|_| "connection broken")?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|_| "answer cut off")?.to_bytes();
        Ok(Reply::Answered { status, body })
    };
    // The connection is driven here, so that nothing of it outlives the call.
    tokio::pin!(asking);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        biased;
        reply = &mut asking => reply,
        _ = &mut connection => asking.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_called() {
        for good in
            ["http://127.0.0.1:80/a?b=c", "http://localhost:8080", "http://[::1]:9/x", "http://127.1.2.3/"]
        {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "https://127.0.0.1/",
            "http://example.com/",
            "http://10.0.0.1/",
            "http://127.0.0.1.evil.example/",
            "x",
        ] {
            assert_eq!(Target::parse(bad), Err(NotLoopback), "{bad}");
        }
        let target = Target::parse("http://localhost:8080/hooks/a%2Fb?x=1").unwrap();
        assert_eq!((target.host.as_str(), target.path.as_str()), ("localhost:8080", "/hooks/a%2Fb?x=1"));
    }
}
