use std::cell::RefCell;
use std::collections::VecDeque;

use tokio::time::Instant;

use super::*;

struct Chance(f64);

impl Jitter for Chance {
    fn fraction(&self) -> f64 {
        self.0
    }
}

fn broken() -> Failure {
    Failure::Broken { wait: None, source: "the connection broke".into() }
}

fn asks(seconds: u64) -> Failure {
    Failure::Throttled { wait: Some(Duration::from_secs(seconds)) }
}

/// Runs these failures, then success; gives the outcome and the milliseconds at which each try began.
async fn run(chance: f64, repeatable: bool, failures: Vec<Failure>) -> (Result<(), HttpError>, Vec<u128>) {
    let policy = RetryPolicy::default();
    let tries = Tries { call: "test", repeatable, policy: &policy, jitter: &Chance(chance) };
    let (start, begun) = (Instant::now(), RefCell::new(Vec::new()));
    let failures = RefCell::new(VecDeque::from(failures));
    let outcome = tries
        .run(async || {
            begun.borrow_mut().push(start.elapsed().as_millis());
            failures.borrow_mut().pop_front().map_or(Ok(()), Err)
        })
        .await;
    (outcome, begun.into_inner())
}

#[tokio::test(start_paused = true)]
async fn backoff_doubles_and_ends_after_six_tries() {
    let (outcome, begun) = run(0.5, true, (0..9).map(|_| broken()).collect()).await;
    assert!(matches!(outcome, Err(HttpError::Transient { tries: 6, .. })), "{outcome:?}");
    assert_eq!(begun, [0, 500, 1500, 3500, 7500, 15_500]);
}

#[test]
fn backoff_is_capped_and_full_jitter_reaches_down_to_zero() {
    let policy = RetryPolicy::default();
    assert_eq!(policy.backoff(7, 0.5), Duration::from_secs(30), "64 s are cut to 60");
    assert_eq!(policy.backoff(u32::MAX, 0.5), Duration::from_secs(30));
    assert_eq!(policy.backoff(3, 0.0), Duration::ZERO);
    assert_eq!(policy.backoff(3, 0.25), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn success_ends_the_tries() {
    let (outcome, begun) = run(0.0, true, vec![broken()]).await;
    assert!(outcome.is_ok());
    assert_eq!(begun.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn wait_that_was_asked_for_is_kept_and_spread() {
    let (outcome, begun) = run(0.25, true, vec![asks(7), asks(60)]).await;
    assert!(outcome.is_ok());
    assert_eq!(begun, [0, 7250, 67_500]);
}

#[tokio::test(start_paused = true)]
async fn wait_longer_than_our_patience_is_handed_on_at_once() {
    let after_break = Failure::Broken { wait: Some(Duration::from_secs(61)), source: "busy".into() };
    for failure in [asks(61), after_break] {
        let (outcome, begun) = run(0.0, true, vec![failure]).await;
        let Err(HttpError::Throttled { retry_after, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((retry_after, begun), (Duration::from_secs(61), vec![0]));
    }
}

#[tokio::test(start_paused = true)]
async fn throttling_to_the_end_says_how_long_to_wait() {
    let (outcome, begun) = run(0.0, false, (0..9).map(|_| asks(2)).collect()).await;
    assert!(
        matches!(outcome, Err(HttpError::Throttled { retry_after, .. }) if retry_after == Duration::from_secs(2))
    );
    assert_eq!(begun.len(), 6);
    let (outcome, _) = run(0.0, false, (0..9).map(|_| Failure::Throttled { wait: None }).collect()).await;
    assert!(
        matches!(outcome, Err(HttpError::Throttled { retry_after, .. }) if retry_after == Duration::from_secs(60))
    );
}

#[tokio::test(start_paused = true)]
async fn call_that_may_have_taken_effect_is_not_repeated() {
    let (outcome, begun) = run(0.0, false, vec![broken()]).await;
    assert!(matches!(outcome, Err(HttpError::OutcomeUnknown { .. })), "{outcome:?}");
    assert_eq!(begun.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn call_that_never_arrived_is_repeated_whatever_it_is() {
    let unsent = || Failure::Unsent { source: "no connection".into() };
    let no_token = || Failure::Auth(AuthError::Transient { what: "no connection".into(), source: None });
    let (outcome, begun) =
        run(0.0, false, vec![unsent(), no_token(), Failure::Throttled { wait: None }]).await;
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(begun.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn pointless_tries_are_not_made() {
    let refused = HttpError::InvalidRequest { call: "test", reason: "x" };
    let misconfigured = Failure::Auth(AuthError::Configuration { code: "x".into(), detail: None });
    for failure in [Failure::Unauthorised, Failure::Final(refused), misconfigured] {
        let shown = format!("{failure:?}");
        let (outcome, begun) = run(0.0, true, vec![failure]).await;
        assert!(outcome.is_err_and(|error| !error.is_temporary()), "{shown}");
        assert_eq!(begun.len(), 1, "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn zero_tries_count_as_one() {
    let policy = RetryPolicy { max_tries: 0, ..RetryPolicy::never() };
    let tries = Tries { call: "test", repeatable: true, policy: &policy, jitter: &Chance(0.0) };
    let outcome: Result<(), _> = tries.run(async || Err(broken())).await;
    assert!(matches!(outcome, Err(HttpError::Transient { tries: 1, .. })));
}
