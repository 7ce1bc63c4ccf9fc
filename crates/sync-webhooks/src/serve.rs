//! A server for routers: with time limits on heads, and an end that answers what is in hand.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::Limits;

/// Connections that are open at once; beyond it new ones wait to be accepted.
const MOST_CONNECTIONS: usize = 4_096;
/// How long calls in hand may take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Serves a router until `stop` is cancelled: then nothing more is accepted, and calls in hand are answered, for
/// at most ten seconds.
///
/// A request's head has to arrive within [`Limits::head_time`]. HTTP/1.1 in the clear: put a proxy in front of it
/// that speaks TLS.
pub async fn serve(listener: TcpListener, router: Router, limits: &Limits, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let full = connections.len() >= MOST_CONNECTIONS;
        tokio::select! {
            () = stop.cancelled() => break,
            _ = connections.join_next(), if full => {}
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, remote)) => {
                    let stop = stop.child_token();
                    connections.spawn(connection(stream, remote, router.clone(), limits.head_time, stop));
                }
                Err(error) => {
                    // Out of file handles, as a rule: wait for some to be given back.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    let rest = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, rest).await.is_err() {
        tracing::warn!("some calls were not answered in time and are broken off");
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    router: Router,
    head_time: Duration,
    stop: CancellationToken,
) {
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ConnectInfo(remote));
        hyper::service::Service::call(&service, request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
