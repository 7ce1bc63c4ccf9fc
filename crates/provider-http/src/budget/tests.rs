use super::*;

fn usage(used: u64, max: u64) -> Option<Usage> {
    Some(Usage { used, max })
}

#[tokio::test]
async fn nothing_known_lets_calls_pass() {
    let budget = Budget::default();
    budget.begin().unwrap().answered(None);
    let snapshot = budget.snapshot();
    assert_eq!(snapshot, BudgetSnapshot { usage: None, reserve: 0, in_flight: 0, left: None });
}

#[tokio::test]
async fn reserve_is_never_touched() {
    let budget = Budget::default();
    budget.begin().unwrap().answered(usage(78, 100));
    assert_eq!(budget.snapshot().left, Some(2));
    budget.begin().unwrap().answered(usage(79, 100));
    budget.begin().unwrap().answered(usage(80, 100));
    let spent = budget.begin().unwrap_err();
    assert_eq!(spent, BudgetSpent { used: 80, max: 100, reserve: 20 });
    assert_eq!(
        spent.to_string(),
        "the api budget is spent (80 of 100 calls used, 20 kept for other tools); resume later"
    );
}

#[tokio::test]
async fn calls_under_way_count_as_used() {
    let budget = Budget::keeping(20);
    budget.record(Usage { used: 77, max: 100 });
    let under_way: Vec<_> = (0..3).map(|_| budget.begin().unwrap()).collect();
    assert_eq!(budget.snapshot().in_flight, 3);
    budget.begin().unwrap_err();
    drop(under_way);
    assert_eq!(budget.snapshot().usage, usage(80, 100), "dropped calls may have been made");
    budget.begin().unwrap_err();
}

#[tokio::test]
async fn answers_without_numbers_are_counted() {
    let budget = Budget::keeping(0);
    budget.record(Usage { used: 8, max: 10 });
    budget.begin().unwrap().answered(None);
    budget.begin().unwrap().answered(None);
    assert_eq!(budget.begin().unwrap_err(), BudgetSpent { used: 10, max: 10, reserve: 0 });
}

#[tokio::test]
async fn overtaken_answer_does_not_lower_the_count() {
    let budget = Budget::default();
    let (early, late) = (budget.begin().unwrap(), budget.begin().unwrap());
    late.answered(usage(50, 100));
    early.answered(usage(49, 100));
    assert_eq!(budget.snapshot().usage, usage(50, 100));
    budget.begin().unwrap().answered(usage(40, 100));
    assert_eq!(budget.snapshot().usage, usage(40, 100), "a rolling window gives calls back");
}

#[tokio::test(start_paused = true)]
async fn spent_budget_lets_one_call_ask_again_each_quarter_of_an_hour() {
    let budget = Budget::default();
    budget.record(Usage { used: 90, max: 100 });
    budget.begin().unwrap_err();
    tokio::time::advance(PROBE_EVERY - Duration::from_secs(1)).await;
    budget.begin().unwrap_err();
    tokio::time::advance(Duration::from_secs(1)).await;
    budget.begin().unwrap().answered(usage(91, 100));
    budget.begin().unwrap_err();
    tokio::time::advance(PROBE_EVERY).await;
    budget.begin().unwrap().answered(usage(10, 100));
    budget.begin().unwrap().answered(usage(11, 100));
}

#[tokio::test]
async fn odd_numbers_do_no_harm() {
    let budget = Budget::keeping(255);
    budget.record(Usage { used: 0, max: u64::MAX });
    assert_eq!(budget.snapshot().left, Some(0));
    let budget = Budget::keeping(1);
    budget.record(Usage { used: 0, max: 1 });
    assert_eq!(budget.snapshot().reserve, 1, "rounded up");
    budget.record(Usage { used: u64::MAX, max: 0 });
    assert_eq!(budget.begin().unwrap_err().used, u64::MAX);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_workers_never_pass_the_line() {
    let budget = Budget::default();
    budget.record(Usage { used: 0, max: 1000 });
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let budget = budget.clone();
        workers.spawn(async move {
            let mut begun = 0;
            while let Ok(permit) = budget.begin() {
                begun += 1;
                tokio::task::yield_now().await;
                permit.answered(None);
            }
            begun
        });
    }
    let begun: u64 = workers.join_all().await.into_iter().sum();
    assert_eq!(begun, 800);
    assert_eq!(budget.snapshot().left, Some(0));
}
