//! Ctrl-C and SIGTERM.

use tokio_util::sync::CancellationToken;

use crate::exit::Exit;
use crate::output::note;

/// A token that the first signal cancels; the second ends the program at once. What was committed stays, and the
/// next run resumes from there.
pub(crate) fn stop_token() -> CancellationToken {
    stop_token_saying("stopping after the batch in hand; once more to stop at once")
}

/// The same with an answer of its own to the first signal.
pub(crate) fn stop_token_saying(told: &'static str) -> CancellationToken {
    let token = CancellationToken::new();
    let stopping = token.clone();
    tokio::spawn(async move {
        signal().await;
        note(told);
        stopping.cancel();
        signal().await;
        std::process::exit(i32::from(Exit::Interrupted.code()));
    });
    token
}

/// Waits for one signal. Where signals can't be heard, for ever: the default then ends the program.
async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut stream) => stream.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<Option<()>>();
    tokio::select! {
        () = interrupt => {}
        _ = terminate => {}
    }
}
